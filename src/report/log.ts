import type { Listener } from '../converge/listener.ts'
import { Failure, topics } from '../failure.ts'
import { count, duration } from '../format.ts'
import type { Step } from '../resources/resource.ts'
import { diff } from './diff.ts'
import { helpFor } from './help.ts'
import { planLine } from './outcome.ts'
import { plain } from './plain.ts'

/** The part of @actions/core that the log needs. */
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

/** What people see while the step runs: a group for each phase, and a line for each change. */
export class Log implements Listener {
  readonly #console: Console
  /** The environment, which links to the documentation are made from. */
  readonly #env: Record<string, string | undefined>
  readonly #now: () => number
  #open: { what: string; since: number } | undefined
  readonly phases: Timing[] = []
  /** The latest plan. */
  steps: readonly Step[] = []
  /** Its steps that were done, with their time in milliseconds. */
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
      this.said(nothing)
      return
    }
    const changes = count(steps.flatMap(({ changes }) => changes).length, 'change')
    this.said(`${changes} to make`)
    // In mode `plan`, the plan is not folded away.
    if (!detailed) this.#begin(`Plan: ${changes}`)
    for (const text of planTexts(steps, detailed)) this.said(text)
    if (!detailed) this.#begin('Change the server')
  }

  /** The log of one of several servers that are worked on at the same time: each line says which one it is about. */
  readonly beside = (server: string, column: string): Listener => {
    // What ends a line in the log must end it here, or a server could write a line in another one’s name.
    const each = (text: string) =>
      plain(text)
        .split('\n')
        .map(line => `${column} | ${line}`)
        .join('\n')
    return {
      planned: (steps, detailed) => {
        this.steps = [...this.steps.filter(step => step.server !== server), ...steps]
        for (const text of steps.length === 0 ? [nothing] : planTexts(steps, detailed)) this.said(each(text))
      },
      done: (step, milliseconds) => {
        this.taken.set(step, milliseconds)
        const [first] = step.changes
        if (first) this.said(each(`done: ${planLine(step.resource, first)}  ${duration(milliseconds)}`))
      },
      said: text => this.said(each(text)),
      warned: ({ topic, message }) => this.warned(new Failure(topic, `${server}: ${message}`)),
      debug: text => this.debug(each(text)),
    }
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

  /** Begins a phase, which ends the one before: GitHub’s groups can’t be nested. */
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

const nothing = 'nothing to do: the server is as it should be'

/** A plan, text by text. `detailed` also shows files that will be made. */
function planTexts(steps: readonly Step[], detailed: boolean): string[] {
  return steps.flatMap(({ resource, changes, keeps }) => [
    ...changes.flatMap(change => [
      planLine(resource, change),
      ...(change.file && (detailed || change.action === 'update') ? [diff(change.file)] : []),
    ]),
    ...(keeps ? [`= ${resource}: ${keeps}`] : []),
  ])
}

// GitHub does not mask titles, so they have nothing from the message.
function title({ topic }: Failure): string {
  return `Berth: ${topic === undefined ? 'failed' : topics[topic]}`
}
