import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../desired.ts'
import { Cancelled, Failure, type Topic } from '../failure.ts'
import { lastLine } from '../format.ts'
import { type OnLine, type Process, type Result, start } from '../runner/process.ts'
import { library, quote } from '../shell.ts'
import { asRoot, files } from './config.ts'
import { Connection } from './connection.ts'
import { connectFailure, keyFailure, offeredKey, runFailure } from './failure.ts'
import { readMarker } from './protocol.ts'

/**
 * The server, over one SSH connection that all commands share.
 *
 * OpenSSH takes the home folder from the password database, not from $HOME. So every path is set, and nothing of the machine's own
 * configuration, agent or known hosts is used. Paths are relative to the folder in which ssh runs, because that of a Unix socket has
 * at most 107 bytes, and the folder's may be longer.
 */
export class Server {
  readonly #target: Target
  readonly #folder: string
  readonly #debug: (text: string) => void
  readonly #cancelled: AbortSignal
  readonly #silence: number
  #opening: Promise<Connection> | undefined
  readonly #running = new Set<Process>()
  /** A descriptor of the folder, which is open while a socket of the server is reached through it. */
  #door: number | undefined
  /** By host, as known_hosts writes it: patterns of the host key algorithms that it offered and that are not pinned. */
  readonly #unpinned = new Map<string, string[]>()

  /**
   * Writes what OpenSSH needs below `folder` while there is a connection; nobody else must be able to read it. `cancelled` ends
   * everything at once. `silence` is how many milliseconds a script may take to print its first line.
   */
  constructor(
    target: Target,
    folder: string,
    debug: (text: string) => void,
    cancelled: AbortSignal = new AbortController().signal,
    silence = maxSilence,
  ) {
    this.#silence = silence
    this.#target = target
    this.#folder = folder
    this.#debug = debug
    this.#cancelled = cancelled
  }

  /** Begins to connect, while the caller does something else. `run` throws if it failed. */
  connect(): void {
    this.#opening ??= this.#open()
    this.#opening.catch(() => {})
  }

  /**
   * Runs a script as root, and returns its output. Calls `onLine` with each line as it arrives. Throws if the server can't be reached,
   * refuses, or does not finish.
   */
  async run(script: string, onLine: (line: string) => void = () => {}): Promise<string> {
    this.connect()
    const connection = await this.#opening
    const said = await this.#inTime(
      hear =>
        connection?.free
          ? connection.first(script, hear)
          : this.#start('ssh', [...config, 'server', this.#command()], hear).end(this.#greeting() + script),
      onLine,
    )
    this.#stopIfCancelled()
    const failure = runFailure(said, this.#target)
    if (failure) throw failure
    return said.stdout
  }

  /**
   * Lets this machine reach a Unix socket of the server that only root may open. Returns a path that reaches it until the connection
   * is closed. The path is short, however long the folder’s is, because a socket’s has at most 107 bytes.
   */
  async forward(socket: string): Promise<string> {
    const remote = this.#target.user === 'root' ? socket : await this.#relay(socket)
    rmSync(join(this.#folder, 'registry'), { force: true })
    const forwarded = await this.#start('ssh', [
      ...config,
      ...['-O', 'forward', '-o', 'StreamLocalBindMask=0177', '-L', `./registry:${remote}`, 'server'],
    ]).end()
    this.#stopIfCancelled()
    if (forwarded.code !== 0)
      throw new Failure(
        'connection',
        `SSH can’t forward a connection to the registry (${lastLine(forwarded.stderr)}); allow \`AllowStreamLocalForwarding\` in the server’s sshd_config, and add \`port-forwarding\` where the key’s line in authorized_keys has \`restrict\`, or push through HTTPS`,
      )
    this.#door ??= openSync(this.#folder, 'r')
    return `/proc/self/fd/${this.#door}/registry`
  }

  /** For a user who becomes root with sudo: the path of a socket on the server that reaches one which only root may open. */
  #relay(socket: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const script = `exec perl -e ${quote(library('server/relay.pl'))} ${quote(socket)} /run </dev/null\n`
      // It runs until the connection is closed. After that its end is no failure.
      this.run(script, line => {
        const { name, value } = readMarker(line) ?? {}
        if (name === 'relay' && value !== undefined) resolve(value)
      }).then(
        () =>
          reject(new Failure('connection', 'the tunnel to the registry was closed; run the workflow again')),
        reject,
      )
    })
  }

  /** Every script prints a line as soon as it begins. If none comes, something before it has swallowed the script. */
  async #inTime(
    work: (hear: (line: string) => void) => Promise<Result>,
    onLine: (line: string) => void,
  ): Promise<Result> {
    const timers: NodeJS.Timeout[] = []
    const late = new Promise<never>((_, reject) => {
      const after = (milliseconds: number, topic: Topic, sentence: string) =>
        timers.push(setTimeout(() => reject(new Failure(topic, sentence)), milliseconds))
      const minutes = Math.ceil(this.#silence / 60_000)
      after(
        this.#silence,
        'login',
        `the server lets \`${this.#target.user}\` in but has run nothing for ${minutes} minutes; see whether \`sudo\` or a login file there waits for something (\`ps -ef --forest\`), and run again`,
      )
      after(
        maxMinutes * 60_000,
        'step',
        `the server did not finish within ${maxMinutes} minutes; see what hangs there with \`ps -ef --forest\`, and run again`,
      )
    })
    const hear = (line: string) => {
      clearTimeout(timers[0])
      onLine(line)
    }
    try {
      return await Promise.race([work(hear), late])
    } finally {
      timers.forEach(clearTimeout)
    }
  }

  /** Ends the connection and removes the files for OpenSSH. */
  async close(): Promise<void> {
    for (const { kill } of this.#running) kill()
    const connection = await this.#opening?.catch(() => undefined)
    await connection?.ended
    this.#opening = undefined
    if (this.#door !== undefined) closeSync(this.#door)
    this.#door = undefined
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Throws if the key can't be opened: ssh itself would only say that the server refused it. */
  async #openKey(): Promise<void> {
    const { code, stderr } = await this.#start('ssh-keygen', ['-y', '-f', 'key']).end()
    this.#stopIfCancelled()
    if (code !== 0) throw keyFailure(stderr, this.#target)
  }

  async #open(): Promise<Connection> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    this.#write()
    // Before connecting, unless the input was found to be a complete key without a passphrase.
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

  /** What the remote command reads before the script. */
  #greeting(): string {
    return this.#target.user === 'root' ? '' : `${this.#target.sudoPassword ?? ''}\n`
  }

  /**
   * A fingerprint does not say what type its key has, and a server shows only one key, of the type that ssh prefers. Returns whether
   * to connect again, without the type that was offered and is not pinned.
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
    if (this.#cancelled.aborted) throw new Cancelled()
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

/** More than a script can take: it waits up to 15 minutes for another run, and five each for certbot and other package managers. */
const maxMinutes = 60

/** Milliseconds. A script of 100 KB has to be transferred first. */
const maxSilence = 120_000

const config = ['-F', 'config']

/** The environment, in which ssh asks our own program instead of a terminal. */
function environment(): Record<string, string> {
  const { PATH = '', RUNNER_TRACKING_ID = '' } = process.env
  return { PATH, RUNNER_TRACKING_ID, SSH_ASKPASS: './askpass', SSH_ASKPASS_REQUIRE: 'force' }
}
