import { createHash } from 'node:crypto'

/** A regular file on the server. */
export interface ServerFile {
  /** Octal, without a leading zero, such as `644`. */
  mode: string
  /** `user:group`. */
  owner: string
  content: string
}

/** A unit of systemd. */
export interface Unit {
  /** Whether systemd knows it. */
  known: boolean
  /** Whether it runs. */
  active: boolean
  /** Whether it will by itself after a reboot: where `systemctl is-enabled` succeeds. */
  enabled: boolean
}

/** What a server said of itself: the lines `berth:NAME=VALUE` of the facts script, and nothing that a login file added. */
export class Facts {
  readonly #values: ReadonlyMap<string, string>
  /** SHA-256 of the answer, in hex: by it the apply script knows whether anything has changed since. */
  readonly checksum: string

  private constructor(lines: readonly string[]) {
    this.#values = new Map(lines.map(split))
    this.checksum = createHash('sha256')
      .update(lines.map(line => `${line}\n`).join(''))
      .digest('hex')
  }

  /** Reads what the facts script printed. Throws if its last line is missing, for then it did not run to its end. */
  static parse(output: string): Facts {
    const lines = output.split('\n').filter(line => line.startsWith(prefix))
    if (lines.pop() !== end) throw new Error('the server’s answer was cut off; run the workflow again')
    return new Facts(lines)
  }

  static of(values: Record<string, string>): Facts {
    return new Facts(Object.entries(values).map(([name, value]) => `${prefix}${name}=${value}`))
  }

  /** The value of a fact. Throws if the server did not tell it. */
  get(name: string): string {
    const value = this.#values.get(name)
    if (value === undefined) throw new Error(`the server did not say “${name}”`)
    return value
  }

  is(name: string): boolean {
    return this.get(name) === 'yes'
  }

  /** A unit that a resource has named in `units`; all is `false` where there is no systemd. */
  unit(name: string): Unit {
    const [load = '', active = '', file = ''] = (this.#values.get(`unit.${name}`) ?? '').split(' ')
    return {
      known: ['loaded', 'masked'].includes(load),
      active: ['active', 'reloading'].includes(active),
      enabled: ['enabled', 'enabled-runtime', 'static', 'alias', 'indirect', 'generated'].includes(file),
    }
  }

  /** A fact of `fact_file`; `undefined` if there is no such file. */
  file(name: string): ServerFile | undefined {
    const value = this.get(name)
    if (value === 'absent') return undefined
    const [mode = '', owner = '', content = ''] = value.split(' ')
    return { mode, owner, content: Buffer.from(content, 'base64').toString() }
  }
}

const prefix = 'berth:'
const end = 'berth:end'

function split(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(prefix.length, at), line.slice(at + 1)]
}
