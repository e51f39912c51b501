import { type ChildProcess, spawn } from 'node:child_process'
import { Failure } from '../failure.ts'

/**
 * Programs that must end when the job is cancelled, or that run before the toolkit is loaded: ssh, its jump host's ssh, and skopeo.
 * Each gets its own process group, which is killed as a whole. `exec.ts` is for all others, but
 * `dial.ts` needs a stream and starts its own.
 */

/** How a program ended, and its output. */
export interface Result {
  /** 255 if it was killed, as ssh itself says of a lost connection. */
  code: number
  stdout: string
  stderr: string
}

export type OnLine = (line: string, stream: 'stdout' | 'stderr') => void

export interface Process {
  /** Rejects if there is no such program, or if it never stops printing. */
  ended: Promise<Result>
  /** Its output so far. */
  said: Result
  write(input: string): void
  /** Writes its input, closes that, and waits until the program ends. */
  end(input?: string): Promise<Result>
  kill(): void
}

interface Options {
  cwd?: string
  env: Record<string, string>
  cancelled: AbortSignal
  onLine?: OnLine
}

/** Characters of output that one stream may have. The files of a server with a thousand users have less than a million. */
const maxOutput = 64e6

export function start(
  program: string,
  args: readonly string[],
  { cwd, env, cancelled, onLine = () => {} }: Options,
): Process {
  const child = spawn(program, args, { cwd, env, detached: true })
  const said: Result = { code: 255, stdout: '', stderr: '' }
  let failure: Failure | undefined
  for (const stream of ['stdout', 'stderr'] as const) {
    let rest = ''
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      if (failure) return
      said[stream] += chunk
      if (said[stream].length > maxOutput) {
        failure = new Failure(
          'connection',
          `${program} printed more than ${maxOutput / 1e6} million characters, which nothing of Berth’s does; check what answers there`,
        )
        kill()
        return
      }
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line.replace(/\r$/, ''), stream)
    })
    child[stream].on('end', () => {
      if (rest !== '' && !failure) onLine(rest, stream)
    })
  }
  // A program that ends early does not read everything. Its exit code says enough.
  child.stdin.on('error', () => {})

  const kill = () => killGroup(child)
  cancelled.addEventListener('abort', kill)
  if (cancelled.aborted) kill()
  const ended = new Promise<Result>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => (failure ? reject(failure) : resolve({ ...said, code: code ?? 255 })))
  }).finally(() => cancelled.removeEventListener('abort', kill))
  return {
    ended,
    said,
    kill,
    write: input => child.stdin.write(input),
    end(input = '') {
      child.stdin.end(input)
      return ended
    },
  }
}

// On SIGTERM, ssh takes twenty times as long to end, and it has nothing left to do.
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/**
 * The user’s environment without our inputs, which may be secret. It decides which engine Docker talks to, and where a credential helper
 * stores passwords. By the tracking id the runner finds what a killed step leaves behind.
 */
export function environment(): Record<string, string> {
  const kept =
    /^(PATH|HOME|TMPDIR|XDG_(RUNTIME_DIR|CONFIG_HOME)|GNUPGHOME|PASSWORD_STORE_\w+|DBUS_SESSION_BUS_ADDRESS|RUNNER_TRACKING_ID|SSH_AUTH_SOCK|DOCKER_(CONFIG|HOST|CONTEXT|TLS|TLS_VERIFY|CERT_PATH|API_VERSION)|(HTTPS?|NO|ALL)_PROXY)$/i
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && kept.test(entry[0]),
  )
  return Object.fromEntries(entries)
}
