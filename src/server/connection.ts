import type { OnLine, Process, Result } from '../runner/process.ts'
import { marker } from './protocol.ts'

/** What the shell prints when the first script has run. */
const end = marker('ran')

/**
 * The ssh that holds the connection. It also runs the first script itself, because another command would cost another process here.
 * Its shell then waits for more until it is killed, which keeps the connection open for later commands.
 */
export class Connection {
  readonly #process: Process
  readonly #greeting: string
  #hear: (line: string) => void = () => {}
  readonly ended: Promise<Result>
  /** Resolves once the server has let us in. */
  readonly up: Promise<undefined>
  /** Whether no script has run yet. */
  free = true

  constructor(start: (onLine: OnLine) => Process, greeting: string) {
    let letIn = () => {}
    this.up = new Promise(resolve => {
      letIn = () => resolve(undefined)
    })
    this.#process = start((line, stream) => {
      if (stream === 'stdout') this.#hear(line)
      else if (line === marker('connected')) letIn()
    })
    this.#greeting = greeting
    this.ended = this.#process.ended
  }

  async first(script: string, onLine: (line: string) => void): Promise<Result> {
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
