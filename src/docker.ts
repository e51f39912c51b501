import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { exec } from '@actions/exec'
import type { User } from './desired.ts'

/**
 * The runner's Docker, with a login of our own that no other step sees and no credential helper keeps.
 *
 * `docker login` writes the password to `config.json` in base64, which hides nothing: the folder must be readable by
 * nobody else and not outlive the job.
 */
export class Docker {
  readonly #folder: string
  readonly #debug: (text: string) => void

  constructor(folder: string, debug: (text: string) => void) {
    this.#folder = folder
    this.#debug = debug
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const own = process.env.DOCKER_CONFIG ?? join(homedir(), '.docker')
    for (const kept of ['contexts', 'buildx', 'cli-plugins']) {
      if (existsSync(join(own, kept)) && !existsSync(join(folder, kept)))
        symlinkSync(join(own, kept), join(folder, kept))
    }
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ currentContext: currentContext(own) }), {
      mode: 0o600,
    })
  }

  async login(domain: string, { name, password }: User): Promise<void> {
    const said = await this.#docker(['login', '--username', name, '--password-stdin', domain], password)
    if (said.code !== 0)
      throw new Error(`Docker can’t log in to ${domain} as \`${name}\`: ${lastLine(said.text)}`)
  }

  /** Makes the engine trust a private authority for one registry; it reads the folder at each connection. */
  async trust(file: string, ca: string): Promise<void> {
    const said = await privileged(['sh', '-c', 'mkdir -p "${1%/*}" && cat >"$1"', 'sh', file], ca)
    if (said.code !== 0)
      throw new Error(`this runner’s Docker can’t be told to trust \`ca\`: ${lastLine(said.text)}`)
  }

  /** Tags and pushes; returns the digest that Docker says it pushed. */
  async push(source: string, reference: string, onLine: (line: string) => void): Promise<string> {
    const tagged = await this.#docker(['tag', source, reference])
    if (tagged.code !== 0) {
      if (/No such image/i.test(tagged.text)) {
        throw new Error(
          `this runner’s Docker has no image ${source}; build it in an earlier step, with \`load: true\` if buildx builds it`,
        )
      }
      throw new Error(`Docker can’t tag ${source} as ${reference}: ${lastLine(tagged.text)}`)
    }
    const pushed = await this.#docker(['push', reference], '', onLine)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed.text)?.[1]
    if (pushed.code !== 0 || digest === undefined)
      throw new Error(`Docker can’t push ${reference}: ${lastLine(pushed.text)}`)
    return digest
  }

  #docker(args: string[], input = '', onLine: (line: string) => void = () => {}): Promise<Said> {
    return run('docker', args, input, { ...environment(), DOCKER_CONFIG: this.#folder }, onLine, this.#debug)
  }
}

/** Where Docker looks for the authorities of one registry; the name leaves whatever else is there alone. */
export function trustFile(domain: string): string {
  return `/etc/docker/certs.d/${domain}/berth.crt`
}

/** Takes back what `trust` did. */
export async function distrust(file: string): Promise<void> {
  await privileged(['sh', '-c', 'rm -f "$1" && rmdir "${1%/*}" 2>/dev/null', 'sh', file])
}

// Docker's own folder belongs to root; a hosted runner's user has sudo.
function privileged(command: string[], input = ''): Promise<Said> {
  const [program = '', ...args] = process.getuid?.() === 0 ? command : ['sudo', '-n', ...command]
  return run(program, args, input, environment())
}

interface Said {
  code: number
  text: string
}

async function run(
  program: string,
  args: string[],
  input: string,
  env: Record<string, string>,
  stdline: (line: string) => void = () => {},
  errline: (line: string) => void = () => {},
): Promise<Said> {
  let text = ''
  const keep = (data: Buffer) => {
    text += data.toString()
  }
  const code = await exec(program, args, {
    input: Buffer.from(input),
    silent: true,
    ignoreReturnCode: true,
    env,
    listeners: { stdout: keep, stderr: keep, stdline, errline },
  })
  return { code, text }
}

// Which engine Docker talks to is the user's choice; our own inputs, secrets among them, are nothing to a child.
function environment(): Record<string, string> {
  const kept =
    /^(PATH|HOME|TMPDIR|XDG_RUNTIME_DIR|DOCKER_(HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH|API_VERSION)|(HTTPS?|NO|ALL)_PROXY)$/i
  const entries = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && kept.test(name),
  )
  return Object.fromEntries(entries) as Record<string, string>
}

function currentContext(folder: string): string | undefined {
  try {
    const config: unknown = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    const context = (config as { currentContext?: unknown }).currentContext
    return typeof context === 'string' ? context : undefined
  } catch {
    return undefined
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? 'it said nothing'
}
