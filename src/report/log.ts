import type { Listener } from '../converge/converge.ts'
import { type Failure, topics } from '../failure.ts'
import { count, duration } from '../format.ts'
import type { Step } from '../resources/resource.ts'
import { diff } from './diff.ts'
import { helpFor } from './help.ts'
import { planLine } from './outcome.ts'
import { plain } from './plain.ts'

/** As much of @actions/core as the log needs. */
export interface Console {
  info(text: string): void
  debug(text: string): void
  warning(text: string, properties: { title: string }): void
  error(text: string, properties: { title: string }): void
  startGroup(title: string): void
  endGroup(): void
}

export interface Timing {
  what: string
  /** How long it took. */
  milliseconds: number
}

/** What people see while the step runs: a group for each phase, a line for each change. */
export class Log implements Listener {
  readonly #console: Console
  /** The environment that help links are made of. */
  readonly #env: Record<string, string | undefined>
  readonly #now: () => number
  #open: { what: string; since: number } | undefined
  readonly phases: Timing[] = []
  /** What was planned last. */
  steps: readonly Step[] = []
  /** What was done of it, with its time in milliseconds. */
  readonly taken = new Map<Step, number>()

  /** `now` tells milliseconds. */
  constructor(
    console: Console,
    env: Record<string, string | undefined>,
    now: () => number = () => performance.now(),
  ) {
    this.#console = console
    this.#env = env
    this.#now = now
  }

  readonly group = async <Result>(title: string, work: () => Promise<Result>): Promise<Result> => {
    this.#begin(title)
    try {
      return await work()
    } finally {
      this.#end()
    }
  }

  readonly planned = (steps: readonly Step[], detailed: boolean): void => {
    this.steps = steps
    if (steps.length === 0) {
      this.said('nothing to do: the server is as it should be')
      return
    }
    const changes = count(steps.flatMap(({ changes }) => changes).length, 'change')
    this.said(`${changes} to make`)
    // A plan that is all that was asked for is not folded away.
    if (!detailed) this.#begin(`Plan: ${changes}`)
    for (const { resource, changes, keeps } of steps) {
      for (const change of changes) {
        this.said(planLine(resource, change))
        if (change.file && (detailed || change.action === 'update')) this.said(diff(change.file))
      }
      if (keeps) this.said(`= ${resource}: ${keeps}`)
    }
    if (!detailed) this.#begin('Change the server')
  }

  readonly done = (step: Step, milliseconds: number): void => {
    this.taken.set(step, milliseconds)
    const [first, ...others] = step.changes
    const time = `  ${duration(milliseconds)}`
    if (first) this.said(planLine(step.resource, first) + time)
    for (const change of others) this.said(planLine(step.resource, change))
  }

  readonly said = (text: string): void => this.#console.info(plain(text))

  readonly debug = (text: string): void => this.#console.debug(plain(text))

  readonly warned = (failure: Failure): void =>
    this.#console.warning(this.#helped(failure), { title: title(failure) })

  readonly failed = (failure: Failure): void =>
    this.#console.error(this.#helped(failure), { title: title(failure) })

  /** A phase ends where the next one begins: GitHub’s groups can’t be one inside the other. */
  #begin(what: string): void {
    this.#end()
    this.#open = { what, since: this.#now() }
    this.#console.startGroup(plain(what))
  }

  #end(): void {
    if (!this.#open) return
    const { what, since } = this.#open
    this.#open = undefined
    this.phases.push({ what, milliseconds: this.#now() - since })
    this.#console.endGroup()
  }

  #helped(failure: Failure): string {
    return `${plain(failure.message)}\n${helpFor(failure, this.#env)}`
  }
}

// Titles are not masked by GitHub, so nothing of the message is in them.
function title({ topic }: Failure): string {
  return `Berth: ${topic === undefined ? 'failed' : topics[topic]}`
}
