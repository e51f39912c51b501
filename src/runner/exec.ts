import { spawn } from 'node:child_process'

/** What a program said, both streams in the order in which they came, and how it ended. */
export interface Said {
  code: number
  stdout: string
  text: string
}

/**
 * Runs a program without a shell. An exit code is a result; only a program that is not there, or `cancelled`, rejects.
 */
export function run(
  program: string,
  args: readonly string[],
  {
    input = '',
    cancelled,
    onLine,
  }: { input?: string; cancelled?: AbortSignal; onLine?: (line: string) => void } = {},
): Promise<Said> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment(), signal: cancelled })
    const said = { stdout: '', text: '' }
    let rest = ''
    const hear = (chunk: string) => {
      said.text += chunk
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine?.(line)
    }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said.stdout += chunk
      hear(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', hear)
    child.on('error', reject)
    child.on('close', code => resolve({ ...said, code: code ?? 128 }))
    // A program may end without reading all its input; its exit code tells the story.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/**
 * Which engine Docker talks to is the user’s choice; our own inputs, secrets among them, are nothing to a child. By the
 * tracking id the runner finds what a killed step leaves behind.
 */
export function environment(): Record<string, string> {
  const kept =
    /^(PATH|HOME|TMPDIR|XDG_(RUNTIME_DIR|CONFIG_HOME)|RUNNER_TRACKING_ID|SSH_AUTH_SOCK|DOCKER_(CONFIG|HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH|API_VERSION)|(HTTPS?|NO|ALL)_PROXY)$/i
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && kept.test(entry[0]),
  )
  return Object.fromEntries(entries)
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it said nothing'
}
