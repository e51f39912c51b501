import type { Desired } from '../desired.ts'
import { isOrder, readLineage } from '../resources/certificate/certificate.ts'
import { Outside } from '../resources/certificate/preflight.ts'
import type { Step } from '../resources/resource.ts'
import { Facts } from '../server/facts.ts'
import type { Server } from '../server/server.ts'
import { applyScript, explain, factsScript, warnings } from './plan.ts'

/** Who hears of what happens on the server, as it happens. */
export interface Listener {
  /** What the server is before any step. */
  looked?(facts: Facts): void
  /** `detailed` asks for the whole of new files too. */
  planned(steps: readonly Step[], detailed: boolean): void
  /** `milliseconds` is how long the step took. */
  done(step: Step, milliseconds: number): void
  said(text: string): void
  /** Something that was planned was not done, and need not be today. */
  warned(text: string): void
  /** What programs print, for a log that is looked at only when something is wrong. */
  debug(text: string): void
}

/** `plan` or `removal` of plan.ts: what a run is for. */
type Plan = (desired: Desired, facts: Facts) => Step[]

/** Looks at the server and says which steps are missing. */
export async function look(
  server: Pick<Server, 'run'>,
  desired: Desired,
  plan: Plan,
): Promise<{ facts: Facts; steps: Step[] }> {
  const facts = Facts.parse(await server.run(factsScript(desired)))
  return { facts, steps: plan(desired, facts) }
}

/** Throws if a step would ask an authority for a certificate and the name leads nowhere: before anything is touched. */
export async function foresee(outside: Outside, facts: Facts, steps: readonly Step[]): Promise<void> {
  if (steps.some(isOrder)) await outside.resolve(readLineage(facts).addresses)
}

/** How often a run looks anew because another one changed the server in between. */
const attempts = 3

/** Makes the server what it should be, and returns the steps that it took: none if it was already. */
export async function converge(
  server: Pick<Server, 'run'>,
  desired: Desired,
  plan: Plan,
  listener: Listener,
): Promise<Step[]> {
  const outside = new Outside(desired.domain)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const { facts, steps } = await look(server, desired, plan)
    listener.looked?.(facts)
    if (attempt === 1) warnings(desired, facts).forEach(listener.warned)
    listener.planned(steps, false)
    if (steps.length === 0) return steps
    await foresee(outside, facts, steps)
    const progress = new Progress(desired, steps, listener, outside)
    const output = await server.run(applyScript(desired, facts, steps), line => progress.hear(line))
    if (progress.stale) {
      listener.said('another run has changed the server meanwhile; looking again')
      continue
    }
    if (!output.includes('\nberth:end=')) throw new Error(await progress.failure())
    return progress.taken
  }
  throw new Error('the server keeps changing while Berth looks at it; is another workflow at work there?')
}

/** Lines of a failed program that are worth showing. */
const lastLines = 5

/** Reads what the apply script prints: markers `berth:NAME=VALUE`, and between them what the programs say. */
class Progress {
  readonly #desired: Desired
  readonly #steps: readonly Step[]
  readonly #listener: Listener
  readonly #outside: Outside
  /** Since when each step that has begun is at work. */
  readonly #running = new Map<Step, number>()
  /** What has failed, with what its programs said; steps that ran at the same time may both have. */
  readonly #failed: { step: Step; said: Said }[] = []
  #said: Said = { words: [] }
  #failure: string | undefined
  #undone = false
  /** What was seen from outside, if the server asked; a sentence if it was not right. */
  #outsideTrouble: Promise<string | undefined> = Promise.resolve(undefined)
  #unreachable: string | undefined
  readonly taken: Step[] = []
  stale = false

  constructor(desired: Desired, steps: readonly Step[], listener: Listener, outside: Outside) {
    this.#desired = desired
    this.#steps = steps
    this.#listener = listener
    this.#outside = outside
  }

  hear(line: string): void {
    const [, name = '', value = ''] = /^berth:(\w+)(?:=(.*))?$/.exec(line) ?? []
    const step = this.#steps[Number(value) - 1]
    switch (name) {
      case 'start':
        if (step) this.#running.set(step, performance.now())
        this.#said = { words: [] }
        break
      case 'ok':
        if (step) this.#finish(step)
        this.#said = { words: [] }
        this.#undone = false
        break
      case 'failed':
        if (!step) break
        this.#failed.push({ step, said: this.#said })
        this.#said = { words: [] }
        break
      case 'undone':
        this.#undone = true
        break
      case 'token':
        this.#outsideTrouble = this.#outside.confirm(value).then(trouble => {
          this.#unreachable = trouble
          return trouble
        })
        break
      case 'full':
        if (value !== '')
          this.#said.full = `the server’s disk is full: ${value}. Delete what is not needed, or enlarge the disk, and run again`
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
          this.#said.words.push(line.trimEnd())
          this.#listener.debug(line)
        }
    }
  }

  #finish(step: Step): void {
    const since = this.#running.get(step) ?? performance.now()
    this.#running.delete(step)
    if (this.#undone) {
      const reason = this.#reason(step, this.#said) ?? this.#said.words.at(-1) ?? 'nothing was said'
      this.#listener.warned(`${step.resource} (${summaries(step)}) was not possible: ${reason}`)
      return
    }
    this.taken.push(step)
    this.#listener.done(step, performance.now() - since)
  }

  #reason(step: Step, { words, full }: Said): string | undefined {
    const unreachable = isOrder(step) ? this.#unreachable : undefined
    return full ?? unreachable ?? explain(this.#desired, step, words.join('\n'))
  }

  async failure(): Promise<string> {
    await this.#outsideTrouble
    if (this.#failure !== undefined) return this.#failure
    const cutOff = [...this.#running.keys()].map(step => ({ step, said: this.#said }))
    const failed = this.#failed.length > 0 ? this.#failed : cutOff.slice(0, 1)
    if (failed.length > 0) return failed.map(each => this.#sentence(each)).join('\n')
    return this.taken.length > 0
      ? `the connection was cut off after ${this.taken.length} of ${this.#steps.length} steps; run the workflow again`
      : `the server refused, and nothing was changed${last(this.#said)}`
  }

  #sentence({ step, said }: { step: Step; said: Said }): string {
    const reason = this.#reason(step, said)
    return `${step.resource} (${summaries(step)}) failed${reason === undefined ? last(said) : `: ${reason}`}`
  }
}

/** What the programs of a step have said. */
interface Said {
  words: string[]
  /** That the disk took no more, if they said so. */
  full?: string
}

function last({ words }: Said): string {
  const lines = words.slice(-lastLines).map(line => `\n  ${line}`)
  return lines.length === 0
    ? ': the connection was cut off; run the workflow again'
    : `; the server said:${lines.join('')}`
}

function summaries({ changes }: Step): string {
  return changes.map(({ summary }) => summary).join(', ')
}
