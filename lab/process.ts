import { spawn } from 'node:child_process'

export interface Result {
  code: number
  stdout: string
  stderr: string
}

export interface ProcessOptions {
  /** Written to stdin, which is then closed. */
  input?: string | Buffer
  env?: Record<string, string>
  /** Seconds until the process is killed and the promise rejects. */
  timeout?: number
  /** Sees output as it arrives, both streams. */
  onOutput?: (chunk: string) => void
}

/** Runs a program without a shell. An exit code is a result, not an error; only a timeout or a missing program rejects. */
export function run(command: string, args: string[], options: ProcessOptions = {}): Promise<Result> {
  const { input = '', env = {}, timeout = 900, onOutput } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } })
    const result = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        result[stream] += chunk
        onOutput?.(chunk)
      })
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(
        new Error(`${describe(command, args)} took more than ${timeout} s\n${result.stdout}${result.stderr}`),
      )
    }, timeout * 1000)
    child.on('error', error => {
      clearTimeout(timer)
      reject(error)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ ...result, code: code ?? (signal === 'SIGKILL' ? 137 : 128) })
    })
    // A program may exit without reading all its input; its exit code tells the story.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

/** The trimmed stdout of a program that has to succeed. */
export async function output(command: string, args: string[], options?: ProcessOptions): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) throw new Error(`${describe(command, args)} exited with ${code}: ${tail(stderr || stdout)}`)
  return stdout.trim()
}

/**
 * Awaits a condition, asking again until it holds: ten times a second at first, and the less often the longer it takes,
 * for each question starts a program on a machine.
 */
export async function until<T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | undefined | false>,
): Promise<T> {
  const begin = Date.now()
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    const passed = Date.now() - begin
    if (passed > seconds * 1000) throw new Error(`${what}: not within ${seconds} s`)
    await new Promise(resolve => setTimeout(resolve, Math.min(1000, 100 + passed / 10)))
  }
}

const describe = (command: string, args: string[]) => [command, ...args].join(' ').slice(0, 200)
const tail = (text: string) => text.trim().split('\n').slice(-30).join('\n')
