import { type ChildProcess, spawn } from 'node:child_process'
import { Failure } from '../failure.ts'

/**
 * Programs that must end with a cancelled job, and those that run before the toolkit is loaded: ssh and its jump host's ssh,
 * skopeo. Each gets a process group of its own, which is killed as one. `exec.ts` is for all others.
 */

/** How a program ended, and what it said. */
export interface Result {
  /** 255 if it was killed, as ssh itself says of a lost connection. */
  code: number
  stdout: string
  stderr: string
}

export type OnLine = (line: string, stream: 'stdout' | 'stderr') => void

export interface Process {
  /** Rejects if there is no such program, or if it prints without end. */
  ended: Promise<Result>
  /** What it has said so far. */
  said: Result
  write(input: string): void
  /** Ends its input, and waits for its end. */
  end(input?: string): Promise<Result>
  kill(): void
}

interface Options {
  cwd?: string
  env: Record<string, string>
  cancelled: AbortSignal
  onLine?: OnLine
}

/** Characters of one stream that are kept: the files of a server with a thousand users are less than one million. */
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
          `${program} printed more than ${maxOutput / 1e6} million characters, which nothing of ours does; look at what answers there`,
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
  // A program that ends early does not read all; its exit code tells the story.
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

// Asked politely, ssh takes twenty times as long to end, and there is nothing that it could still do.
function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
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
