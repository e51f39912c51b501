import type { Desired } from '../desired.ts'
import { Failure, joined } from '../failure.ts'
import { isOrder } from '../resources/certificate/certificate.ts'
import type { Preflight } from '../resources/certificate/preflight.ts'
import type { Step } from '../resources/resource.ts'
import { busyFailure } from '../server/failure.ts'
import { readMarker } from '../server/protocol.ts'
import type { Listener } from './listener.ts'
import { explain } from './plan.ts'

/** Lines of a failed program that are worth showing. */
const lastLines = 5

/** What the programs of a step have printed. */
interface Output {
  words: string[]
  /** Set if they said that the disk is full. */
  full?: Failure
}

/** Reads what the apply script prints: lines of the protocol, with the output of programs between them. */
export class ApplyLog {
  readonly #desired: Desired
  readonly #steps: readonly Step[]
  readonly #listener: Listener
  readonly #preflight: Preflight
  /** When each running step began. */
  readonly #running = new Map<Step, number>()
  /** The steps that failed, with the output of their programs. Two steps that run at the same time may both fail. */
  readonly #failed: { step: Step; output: Output }[] = []
  #output: Output = { words: [] }
  #busy: Failure | undefined
  #undone = false
  /** The look at the server from outside that it asked for. */
  #looking: Promise<unknown> = Promise.resolve()
  #unreachable: Failure | undefined
  readonly taken: Step[] = []
  stale = false

  constructor(desired: Desired, steps: readonly Step[], listener: Listener, preflight: Preflight) {
    this.#desired = desired
    this.#steps = steps
    this.#listener = listener
    this.#preflight = preflight
  }

  hear(line: string): void {
    const marker = readMarker(line)
    if (marker) this.#hearMarker(marker.name, marker.value)
    else if (line.trim() !== '') {
      this.#output.words.push(line.trimEnd())
      this.#listener.debug(line)
    }
  }

  #hearMarker(name: string, value: string): void {
    const step = this.#steps[Number(value) - 1]
    switch (name) {
      case 'start':
        if (step) this.#running.set(step, performance.now())
        this.#output = { words: [] }
        break
      case 'ok':
        if (step) this.#finish(step)
        this.#output = { words: [] }
        this.#undone = false
        break
      case 'failed':
        if (!step) break
        this.#failed.push({ step, output: this.#output })
        this.#output = { words: [] }
        break
      case 'undone':
        this.#undone = true
        break
      case 'token':
        this.#looking = this.#preflight.confirm(value).then(failure => {
          this.#unreachable = failure
        })
        break
      case 'full':
        if (value === '') break
        this.#output.full = new Failure(
          'diskFull',
          `the server’s disk is full: ${value}. Delete what is not needed, or enlarge the disk, and run again`,
        )
        break
      case 'say':
        this.#listener.said(value)
        break
      case 'busy':
        this.#busy = busyFailure(value)
        break
      case 'stale':
        this.stale = true
        break
    }
  }

  #finish(step: Step): void {
    const since = this.#running.get(step) ?? performance.now()
    this.#running.delete(step)
    if (this.#undone) {
      const reason = this.#reason(step, this.#output)
      const words = reason?.message ?? this.#output.words.at(-1) ?? 'nothing was said'
      this.#listener.warned(
        new Failure(
          reason?.topic ?? 'step',
          `${step.resource} (${summaries(step)}) was not possible: ${words}`,
        ),
      )
      return
    }
    this.taken.push(step)
    this.#listener.done(step, performance.now() - since)
  }

  #reason(step: Step, { words, full }: Output): Failure | undefined {
    const unreachable = isOrder(step) ? this.#unreachable : undefined
    return full ?? unreachable ?? explain(this.#desired, step, words.join('\n'))
  }

  async failure(): Promise<Failure> {
    await this.#looking
    if (this.#busy) return this.#busy
    const failures = this.#failed.map(({ step, output }) => this.#stepFailure(step, output))
    const [begun] = this.#running.keys()
    return joined(failures) ?? (begun ? this.#cutOff(begun) : this.#otherFailure())
  }

  #stepFailure(step: Step, output: Output): Failure {
    const reason = this.#reason(step, output)
    const what = `${step.resource} (${summaries(step)}) failed`
    return reason
      ? new Failure(reason.topic, `${what}: ${reason.message}`)
      : new Failure('step', `${what}${last(output)}`)
  }

  #cutOff(step: Step): Failure {
    return new Failure(
      'connectionLost',
      `${step.resource} (${summaries(step)}) failed: the connection was cut off; run the workflow again`,
    )
  }

  #otherFailure(): Failure {
    const { words } = this.#output
    return this.taken.length > 0 || words.length === 0
      ? new Failure(
          'connectionLost',
          `the connection was cut off after ${this.taken.length} of ${this.#steps.length} steps; run the workflow again`,
        )
      : new Failure(
          words.some(line => /^nginx refuses/.test(line)) ? 'nginx' : 'step',
          `the server refused, and nothing was changed${last(this.#output)}`,
        )
  }
}

function last({ words }: Output): string {
  const lines = words.slice(-lastLines).map(line => `\n  ${line}`)
  return lines.length === 0
    ? ' without any output; run the workflow again with debug logging'
    : `; the server said:${lines.join('')}`
}

function summaries({ changes }: Step): string {
  return changes.map(({ summary }) => summary).join(', ')
}
