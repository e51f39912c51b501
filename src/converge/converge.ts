import type { Desired } from '../desired.ts'
import { Failure } from '../failure.ts'
import { isOrder, readLineage } from '../resources/certificate/certificate.ts'
import { Preflight } from '../resources/certificate/preflight.ts'
import type { Step } from '../resources/resource.ts'
import { Facts } from '../server/facts.ts'
import { lastMarker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import { ApplyLog } from './apply-log.ts'
import { applyScript, factsScript, type Plan, type Planner } from './plan.ts'

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
  warned(failure: Failure): void
  /** What programs print, for a log that is looked at only when something is wrong. */
  debug(text: string): void
}

/** Looks at the server and says which steps are missing. */
export async function look(
  server: Pick<Server, 'run'>,
  desired: Desired,
  planner: Planner,
): Promise<{ facts: Facts } & Plan> {
  const facts = Facts.parse(await server.run(factsScript(desired)))
  return { facts, ...planner(desired, facts) }
}

/** Throws if a step would ask an authority for a certificate and the name points nowhere: before anything is touched. */
export async function foresee(preflight: Preflight, facts: Facts, steps: readonly Step[]): Promise<void> {
  if (steps.some(isOrder)) await preflight.resolve(readLineage(facts).addresses)
}

/** How often a run looks anew because another one changed the server in between. */
const attempts = 3

/** Makes the server what it should be, and returns the steps that it took: none if it was already. */
export async function converge(
  server: Pick<Server, 'run'>,
  desired: Desired,
  planner: Planner,
  listener: Listener,
): Promise<Step[]> {
  const preflight = new Preflight(desired.domain)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const { facts, steps, warnings } = await look(server, desired, planner)
    listener.looked?.(facts)
    if (attempt === 1) warnings.forEach(listener.warned)
    listener.planned(steps, false)
    if (steps.length === 0) return steps
    await foresee(preflight, facts, steps)
    const log = new ApplyLog(desired, steps, listener, preflight)
    const output = await server.run(applyScript(desired, facts, steps), line => log.hear(line))
    if (log.stale) {
      listener.said('another run has changed the server meanwhile; looking again')
      continue
    }
    if (lastMarker(output, 'end') === undefined) throw await log.failure()
    return log.taken
  }
  throw new Failure(
    'busy',
    'the server keeps changing while Berth looks at it; is another workflow at work there?',
  )
}
