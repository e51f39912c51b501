import type { Masks } from './masks.ts'

export interface Annotation {
  level: 'error' | 'warning' | 'notice'
  /** Without the link in its last line. */
  message: string
  /** Where the last line leads, if it is a link. */
  link: string | undefined
  /** GitHub does not mask titles. */
  title: string | undefined
}

/** Reads what an action writes as GitHub's runner does: workflow commands act, secrets turn into ***. */
export class Log {
  /** All that was written, as it was written. */
  raw = ''
  /** What GitHub would show. */
  shown = ''
  annotations: Annotation[] = []
  private readonly masks: Masks
  private readonly debug: boolean
  private readonly onLine: (line: string) => void
  private rest = ''
  private stopped: string | undefined

  constructor(masks: Masks, debug = false, onLine: (line: string) => void = () => {}) {
    this.masks = masks
    this.debug = debug
    this.onLine = onLine
  }

  write(chunk: string): void {
    this.raw += chunk
    // A lone carriage return ends a line too.
    const lines = (this.rest + chunk).split(/\r\n|\r(?!$)|\n/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) this.line(line)
  }

  end(): void {
    if (this.rest) this.line(this.rest)
    this.rest = ''
  }

  private line(text: string): void {
    const shown = this.read(text.replace(/\r$/, ''))
    if (shown === undefined) return
    const masked = this.masks.apply(shown)
    this.shown += `${masked}\n`
    this.onLine(masked)
  }

  /** Does what a line commands; returns what is shown in its place. */
  private read(line: string): string | undefined {
    if (this.stopped !== undefined) {
      if (line.trim() === `::${this.stopped}::`) this.stopped = undefined
      return line
    }
    const command =
      /^\s*::([a-z-]+)(?: (.*?))?::(.*)$/i.exec(line) ?? /##\[([a-z-]+)(?: (.*?))?\](.*)$/i.exec(line)
    if (!command) return line
    const name = command[1]?.toLowerCase() ?? ''
    const data = decode(command[3] ?? '')
    switch (name) {
      case 'add-mask':
        if (!data.trim()) return "##[warning]Can't add secret mask for empty string in ##[add-mask] command."
        this.masks.add(data)
        return undefined
      case 'error':
      case 'warning':
      case 'notice': {
        const { title } = parseProperties(command[2] ?? '')
        const [, message = '', link] = /^(.*?)(?:\n(https:\S+))?$/s.exec(this.masks.apply(data)) ?? []
        this.annotations.push({ level: name, message, link, title })
        return `##[${name}]${data}`
      }
      case 'debug':
        return this.debug ? `##[debug]${data}` : undefined
      case 'group':
      case 'endgroup':
        return `##[${name}]${data}`
      case 'stop-commands':
        this.stopped = data
        return undefined
      case 'add-matcher':
      case 'remove-matcher':
      case 'echo':
        return undefined
      case 'set-output':
      case 'save-state':
      case 'set-env':
      case 'add-path':
        return `##[error]The \`${name}\` command is deprecated: ${line}`
      default:
        return line
    }
  }
}

/** GITHUB_OUTPUT, GITHUB_STATE and GITHUB_ENV: `name=value` lines and `name<<END` … `END`. */
export function parseFile(content: string): Record<string, string> {
  const values: Record<string, string> = {}
  const lines = content.split(/\r?\n/)
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    if (!line) continue
    const [, name = '', operator, rest = ''] = /^(.*?)(=|<<)(.*)$/.exec(line) ?? []
    if (!operator) throw new Error(`Invalid format '${line}'`)
    if (operator === '=') {
      values[name] = rest
      continue
    }
    const end = lines.indexOf(rest)
    if (end < 0) throw new Error(`Matching delimiter not found '${rest}'`)
    values[name] = lines
      .splice(0, end + 1)
      .slice(0, -1)
      .join('\n')
  }
  return values
}

function parseProperties(text: string): Record<string, string> {
  const pairs = text.split(',').map(pair => {
    const [key = '', ...value] = pair.split('=')
    return [key.trim(), decode(value.join('=')).replaceAll(/%3A/gi, ':').replaceAll(/%2C/gi, ',')] as const
  })
  return Object.fromEntries(pairs.filter(([key]) => key))
}

const decode = (data: string) =>
  data.replaceAll(/%0D/gi, '\r').replaceAll(/%0A/gi, '\n').replaceAll(/%25/g, '%')
