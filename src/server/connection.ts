import type { Said } from './failure.ts'

export type Listen = (line: string, stream: 'stdout' | 'stderr') => void

/** A program that was started. */
export interface Process {
  ended: Promise<Said>
  /** What it has said so far. */
  said: Said
  write(input: string): void
  /** Ends its input, and waits for its end. */
  end(input?: string): Promise<Said>
  kill(): void
}

/** What a shell that goes on says when a script has run. */
const end = 'berth:ran'

/**
 * The ssh that holds the connection, and that runs the first script itself: a command of its own would cost another
 * process here. Its shell waits for more until it is killed, and so keeps the connection for the commands after it.
 */
export class Connection {
  readonly #process: Process
  readonly #greeting: string
  #hear: (line: string) => void = () => {}
  readonly ended: Promise<Said>
  /** Once the server has let us in. */
  readonly up: Promise<undefined>
  /** Whether no script has run yet. */
  free = true

  constructor(start: (onLine: Listen) => Process, greeting: string) {
    let letIn = () => {}
    this.up = new Promise(resolve => {
      letIn = () => resolve(undefined)
    })
    this.#process = start((line, stream) => {
      if (stream === 'stdout') this.#hear(line)
      else if (line === 'berth:connected') letIn()
    })
    this.#greeting = greeting
    this.ended = this.#process.ended
  }

  async first(script: string, onLine: (line: string) => void): Promise<Said> {
    this.free = false
    const ran = new Promise<undefined>(resolve => {
      this.#hear = line => (line === end ? resolve(undefined) : onLine(line))
    })
    this.#process.write(`${this.#greeting}${script}\necho ${end}\n`)
    const said = await Promise.race([this.ended, ran])
    if (said) return said
    const { stdout, stderr } = this.#process.said
    return { code: 0, stdout: stdout.slice(0, stdout.lastIndexOf(end)), stderr }
  }
}
