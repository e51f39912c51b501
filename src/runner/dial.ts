import { type ChildProcess, spawn } from 'node:child_process'
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { environment } from './process.ts'

/**
 * Connections to the runner’s Docker engine, which are reused. `docker system dial-stdio`, which Docker itself uses over SSH,
 * respects the user’s context, TLS and socket. But it is a process, which takes as long to start as the engine needs for ten
 * answers.
 */
export class Dial extends Agent {
  readonly #children = new Set<ChildProcess>()
  /** Why a connection ended, once its process has. */
  readonly #ends = new WeakMap<Duplex, Promise<Failure>>()

  constructor() {
    super({ keepAlive: true })
    // Otherwise the processes would notice only later that nobody is there any more.
    process.once('exit', () => {
      for (const child of this.#children) child.kill('SIGKILL')
    })
  }

  override createConnection(): Duplex {
    const child = spawn('docker', ['system', 'dial-stdio'], { env: environment() })
    const connection = Duplex.from({ readable: child.stdout, writable: child.stdin })
    let code: string | undefined
    let words = ''
    child.stderr.setEncoding('utf8').on('data', chunk => {
      words += chunk
    })
    child.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code
      connection.destroy(error)
    })
    const ended = new Promise<Failure>(resolve => {
      child.on('close', () => {
        this.#children.delete(child)
        resolve(unreachable(code, words))
      })
    })
    this.#children.add(child)
    this.#ends.set(connection, ended)
    connection.on('close', () => child.kill())
    // A request listens for errors itself. Between two requests nobody would.
    connection.on('error', () => {})
    const handles = [child, ...([child.stdin, child.stdout, child.stderr] as Socket[])]
    return Object.assign(connection, {
      // Node’s agent expects these of a socket.
      ref: () => handles.forEach(handle => void handle.ref()),
      unref: () => handles.forEach(handle => void handle.unref()),
    })
  }

  /** Why a connection did not reach the engine. */
  async reason(connection: Duplex): Promise<Failure> {
    return (await this.#ends.get(connection)) ?? unreachable(undefined, '')
  }

  // An idle connection must not keep the process alive.
  override keepSocketAlive(connection: Duplex & { unref(): void }): boolean {
    connection.unref()
    return true
  }
}

function unreachable(code: string | undefined, words: string): Failure {
  if (code === 'ENOENT')
    return new Failure(
      'runnerProgram',
      'this runner has no Docker; install it, or push an archive (`image: oci-archive:app.tar`)',
    )
  if (/permission denied/i.test(words))
    return new Failure(
      'runnerDocker',
      'this runner’s user may not use Docker; add it to the docker group, or set DOCKER_HOST to an engine of its own',
    )
  return new Failure(
    'runnerDocker',
    `this runner’s Docker does not answer; start it (\`sudo systemctl start docker\`), or look at DOCKER_HOST and the context: ${lastLine(words)}`,
  )
}
