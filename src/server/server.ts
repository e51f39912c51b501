import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../desired.ts'
import { Failure } from '../failure.ts'
import { type OnLine, type Process, type Result, start } from '../runner/process.ts'
import { quote } from '../shell.ts'
import { asRoot, files } from './config.ts'
import { Connection } from './connection.ts'
import { connectFailure, keyFailure, offeredKey, runFailure } from './failure.ts'

/**
 * The server, over one SSH connection that all commands share.
 *
 * OpenSSH finds the home folder in the password database, not in $HOME, so every path is given and nothing of the
 * machine's own configuration, agent or known hosts is used. Paths are relative to the folder in which ssh runs: a
 * Unix socket's may have 108 bytes at most, and a runner's own folder may be deeper than that.
 */
export class Server {
  readonly #target: Target
  readonly #folder: string
  readonly #debug: (text: string) => void
  readonly #cancelled: AbortSignal
  #opening: Promise<Connection> | undefined
  readonly #running = new Set<Process>()
  /** Patterns of host key algorithms by host, as known_hosts writes it: what was offered there and is not pinned. */
  readonly #unpinned = new Map<string, string[]>()

  /**
   * Writes what OpenSSH needs below `folder` while there is a connection; it must be readable by nobody else. When
   * `cancelled` says so, whatever runs ends at once.
   */
  constructor(
    target: Target,
    folder: string,
    debug: (text: string) => void,
    cancelled: AbortSignal = new AbortController().signal,
  ) {
    this.#target = target
    this.#folder = folder
    this.#debug = debug
    this.#cancelled = cancelled
  }

  /** Begins to connect, while the caller goes on with something else; `run` tells how it went. */
  connect(): void {
    this.#opening ??= this.#open()
    this.#opening.catch(() => {})
  }

  /**
   * Runs a script as root; `onLine` hears each line as it comes. Throws if the server can't be reached or refuses, or does not
   * come to an end.
   */
  async run(script: string, onLine: (line: string) => void = () => {}): Promise<string> {
    this.connect()
    const connection = await this.#opening
    const said = await this.#inTime(
      connection?.free
        ? connection.first(script, onLine)
        : this.#start('ssh', [...config, 'server', this.#command()], onLine).end(this.#greeting() + script),
    )
    this.#stopIfCancelled()
    const failure = runFailure(said, this.#target)
    if (failure) throw failure
    return said.stdout
  }

  async #inTime(work: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new Failure(
              'connection',
              `the server has not come to an end within ${maxMinutes} minutes; see what hangs there with \`ps -ef --forest\`, and run again`,
            ),
          ),
        maxMinutes * 60_000,
      )
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends the connection and removes what OpenSSH needed. */
  async close(): Promise<void> {
    for (const { kill } of this.#running) kill()
    const connection = await this.#opening?.catch(() => undefined)
    await connection?.ended
    this.#opening = undefined
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** A key that can't be opened is named as such: ssh itself would only say that it was refused. */
  async #openKey(): Promise<void> {
    const { code, stderr } = await this.#start('ssh-keygen', ['-y', '-f', 'key']).end()
    this.#stopIfCancelled()
    if (code !== 0) throw keyFailure(stderr, this.#target)
  }

  async #open(): Promise<Connection> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    this.#write()
    // Before anybody is asked, unless the input was seen to be a whole key that is open.
    const { plainKey } = this.#target
    if (!plainKey) await this.#openKey()
    let strange: string | undefined
    for (;;) {
      const connection = new Connection(
        onLine => this.#start('ssh', [...config, '-M', 'server', this.#command()], onLine),
        this.#greeting(),
      )
      const said = await Promise.race([connection.ended, connection.up])
      this.#stopIfCancelled()
      if (said === undefined) return connection
      if (this.#avoid(said.stderr)) {
        strange ??= said.stderr
        continue
      }
      if (plainKey) await this.#openKey()
      const exhausted = /no matching host key type/.test(said.stderr)
      throw connectFailure((exhausted && strange) || said.stderr, this.#target)
    }
  }

  #command(): string {
    return this.#target.user === 'root' ? 'sh -s' : `sh -c ${quote(asRoot)}`
  }

  /** What the command reads before the script. */
  #greeting(): string {
    return this.#target.user === 'root' ? '' : `${this.#target.sudoPassword ?? ''}\n`
  }

  /**
   * A fingerprint does not tell of which type its key is, and a server shows one key only, of the type that ssh likes
   * best. Whether to connect again, leaving out the type that was offered and is not pinned.
   */
  #avoid(stderr: string): boolean {
    const [host, type = ''] = offeredKey(stderr)?.split(' ') ?? []
    if (host === undefined || this.#target.fingerprints.length === 0) return false
    const family = `*${/ed25519|ecdsa|rsa/.exec(type)?.[0] ?? type}*`
    const avoided = this.#unpinned.get(host) ?? []
    if (avoided.includes(family)) return false
    this.#unpinned.set(host, [...avoided, family])
    this.#write()
    return true
  }

  #write(): void {
    for (const [name, content] of Object.entries(files(this.#target, this.#unpinned))) {
      writeFileSync(join(this.#folder, name), content, { mode: name === 'askpass' ? 0o700 : 0o600 })
    }
  }

  #stopIfCancelled(): void {
    if (this.#cancelled.aborted)
      throw new Failure('connectionLost', 'the run was cancelled; run the workflow again')
  }

  #start(program: string, args: string[], onLine: OnLine = () => {}): Process {
    const process = start(program, args, {
      cwd: this.#folder,
      env: environment(),
      cancelled: this.#cancelled,
      onLine: (line, stream) => {
        onLine(line, stream)
        if (stream === 'stderr') this.#debug(line)
      },
    })
    const ended = process.ended
      .catch(error => {
        if (error instanceof Failure) throw error
        throw new Failure('runnerProgram', 'this runner has no `ssh`; install the OpenSSH client')
      })
      .finally(() => this.#running.delete(started))
    const started: Process = {
      ...process,
      ended,
      end(input) {
        void process.end(input).catch(() => {})
        return ended
      },
    }
    this.#running.add(started)
    return started
  }
}

/** More than a script can take: it waits 15 minutes for another run, and five each for certbot and for other package managers. */
const maxMinutes = 60

const config = ['-F', 'config']

/** ssh asks our own program, and never a terminal. */
function environment(): Record<string, string> {
  const { PATH = '', RUNNER_TRACKING_ID = '' } = process.env
  return { PATH, RUNNER_TRACKING_ID, SSH_ASKPASS: './askpass', SSH_ASKPASS_REQUIRE: 'force' }
}
