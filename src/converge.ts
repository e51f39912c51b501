import type { Desired } from './desired.ts'
import { Facts } from './facts.ts'
import { applyScript, factsScript } from './plan.ts'
import type { Step } from './resource.ts'
import type { Server } from './server.ts'

/** Who hears of what happens on the server, as it happens. */
export interface Listener {
  /** `detailed` asks for the whole of new files too. */
  planned(steps: readonly Step[], detailed: boolean): void
  /** `milliseconds` is how long the step took. */
  done(step: Step, milliseconds: number): void
  said(text: string): void
  /** What programs print, for a log that is looked at only when something is wrong. */
  debug(text: string): void
}

/** `plan` or `removal` of plan.ts: what a run is for. */
type Plan = (desired: Desired, facts: Facts, say: (text: string) => void) => Step[] | Promise<Step[]>

/** Looks at the server and says which steps are missing. */
export async function look(
  server: Server,
  desired: Desired,
  plan: Plan,
  { said }: Listener,
): Promise<{ facts: Facts; steps: Step[] }> {
  const facts = Facts.parse(await server.run(factsScript(desired)))
  return { facts, steps: await plan(desired, facts, said) }
}

/** How often a run looks anew because another one changed the server in between. */
const attempts = 3

/** Makes the server what it should be, and returns the steps that it took: none if it was already. */
export async function converge(
  server: Server,
  desired: Desired,
  plan: Plan,
  listener: Listener,
): Promise<Step[]> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const { facts, steps } = await look(server, desired, plan, listener)
    listener.planned(steps, false)
    if (steps.length === 0) return steps
    const progress = new Progress(steps, listener)
    const output = await server.run(applyScript(desired, facts, steps), line => progress.hear(line))
    if (progress.stale) {
      listener.said('another run has changed the server meanwhile; looking again')
      continue
    }
    if (!output.includes('\nberth:end=')) throw new Error(progress.failure())
    return steps
  }
  throw new Error('the server keeps changing while Berth looks at it; is another workflow at work there?')
}

/** Lines of a failed program that are worth showing. */
const lastLines = 5

/** Reads what the apply script prints: markers `berth:NAME=VALUE`, and between them what the programs say. */
class Progress {
  readonly #steps: readonly Step[]
  readonly #listener: Listener
  #current: Step | undefined
  #since = 0
  #words: string[] = []
  #failure: string | undefined
  stale = false

  constructor(steps: readonly Step[], listener: Listener) {
    this.#steps = steps
    this.#listener = listener
  }

  hear(line: string): void {
    const [, name = '', value = ''] = /^berth:(\w+)(?:=(.*))?$/.exec(line) ?? []
    switch (name) {
      case 'start':
        this.#current = this.#steps[Number(value) - 1]
        this.#since = performance.now()
        this.#words = []
        break
      case 'ok':
        if (this.#current) this.#listener.done(this.#current, performance.now() - this.#since)
        this.#current = undefined
        break
      case 'say':
        this.#listener.said(value)
        break
      case 'busy':
        this.#failure = `another run of Berth has been at work on this server for ${value} s; wait for it and run again`
        break
      case 'stale':
        this.stale = true
        break
      case '':
        if (line.trim() !== '') {
          this.#words.push(line.trimEnd())
          this.#listener.debug(line)
        }
    }
  }

  failure(): string {
    if (this.#failure !== undefined) return this.#failure
    const words = this.#words
      .slice(-lastLines)
      .map(line => `\n  ${line}`)
      .join('')
    const said =
      words === '' ? ': the connection was cut off; run the workflow again' : `; the server said:${words}`
    if (!this.#current) return `the server refused, and nothing was changed${said}`
    const { resource, changes } = this.#current
    return `${resource} (${changes.map(({ summary }) => summary).join(', ')}) failed${said}`
  }
}
