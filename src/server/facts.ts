import { createHash } from 'node:crypto'
import { Failure } from '../failure.ts'
import { isMarker, marker } from './protocol.ts'

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
  /** Whether it starts after a reboot, as `systemctl is-enabled` says. */
  enabled: boolean
}

/** What a server reported: the lines `berth:NAME=VALUE` of the facts script, and nothing that a login file printed. */
export class Facts {
  readonly #values: ReadonlyMap<string, string>
  readonly #files: ReadonlyMap<string, SeenFile>
  /** SHA-256 of the answer, in hex. It tells the apply script whether anything has changed since. */
  readonly checksum: string

  private constructor(lines: readonly string[]) {
    this.#values = new Map(lines.map(split))
    this.#files = unpack(this.#values.get('files.seen') ?? '')
    this.checksum = createHash('sha256')
      .update(lines.map(line => `${line}\n`).join(''))
      .digest('hex')
  }

  /** Reads what the facts script printed. Throws if its last line is missing, because then it did not finish. */
  static parse(output: string): Facts {
    const lines = output.split('\n').filter(isMarker)
    if (lines.pop() !== marker('end'))
      throw new Failure('connectionLost', 'the server’s answer was cut off; run the workflow again')
    return new Facts(lines)
  }

  static of(values: Record<string, string>): Facts {
    return new Facts(Object.entries(values).map(([name, value]) => marker(name, value)))
  }

  /** The value of a fact. Throws if the server did not report it. */
  get(name: string): string {
    const value = this.#values.get(name)
    if (value === undefined)
      throw new Failure('connectionLost', `the server did not say “${name}”; run the workflow again`)
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

  /** A fact of `fact_file`, or `MODE OWNER CONTENT` with the content in base64; `undefined` if there is no such file. */
  file(name: string): ServerFile | undefined {
    const value = this.get(name)
    if (value === 'absent') return undefined
    const [mode = '', owner = '', last = ''] = value.split(' ')
    if (mode !== 'file') return { mode, owner, content: Buffer.from(last, 'base64').toString() }
    const seen = this.#files.get(last)
    if (!seen) throw new TornFacts()
    return { mode: seen.mode, owner: owner === '%u:%g' ? seen.ids : seen.names, content: seen.content }
  }
}

function split(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(marker('').length, at), line.slice(at + 1)]
}

/** A file changed between two programs of the facts script: somebody is at work on the server, perhaps an earlier run’s script. */
export class TornFacts extends Failure {
  constructor() {
    super(
      'busy',
      'somebody changed the server’s files while Berth looked at them; is another workflow at work there? If not, run again',
    )
  }
}

interface SeenFile {
  mode: string
  /** `user:group`. */
  names: string
  /** `uid:gid`. */
  ids: string
  content: string
}

/** Reads the output of `files`, by path. Throws if a file changed between its line and its content. */
function unpack(text: string): Map<string, SeenFile> {
  const files = new Map<string, SeenFile>()
  if (text === '') return files
  const all = Buffer.from(text, 'base64')
  let at = all.indexOf('\n\n')
  const lines = all.toString('utf8', 0, at).split('\n')
  at += 2
  for (const line of lines) {
    const [path = '', mode = '', names = '', ids = '', bytes] = line.split(' ')
    const content = all.toString('utf8', at, at + Number(bytes))
    files.set(path, { mode, names, ids, content })
    at += Number(bytes)
  }
  if (at !== all.length) throw new TornFacts()
  return files
}
