import type { Desired } from '../desired.ts'
import { Failure } from '../failure.ts'
import { isOrder, readAddresses, readPeers, setsRecord } from '../resources/certificate/certificate.ts'
import { Preflight } from '../resources/certificate/preflight.ts'
import type { Step } from '../resources/resource.ts'
import { Facts, TornFacts } from '../server/facts.ts'
import { lastMarker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import { ApplyLog } from './apply-log.ts'
import type { Listener } from './listener.ts'
import type { Plan, Planner } from './plan.ts'
import { applyScript, factsScript } from './scripts.ts'

/** How often a run looks at the server if another run keeps changing it. */
const attempts = 3

/** What a server is, and what is missing there. */
export type Looked = { facts: Facts } & Plan

/**
 * Looks at the server and says which steps are missing. What an earlier run left at work there, cut off from its runner, may change
 * a file at that very moment; then it looks again.
 */
export async function look(server: Pick<Server, 'run'>, desired: Desired, planner: Planner): Promise<Looked> {
  for (let attempt = 1; ; attempt++) {
    const answer = await server.run(factsScript(desired))
    try {
      const facts = Facts.parse(answer)
      return { facts, ...planner(desired, facts) }
    } catch (error) {
      if (!(error instanceof TornFacts) || attempt === attempts) throw error
    }
  }
}

/**
 * Throws, before anything is changed, if a step would ask an authority for a certificate and the name points nowhere. With an
 * order by DNS the name may point anywhere, and the server itself checks the rest.
 */
export async function foresee(
  preflight: Preflight,
  { acme }: Desired,
  facts: Facts,
  steps: readonly Step[],
  said: Listener['said'],
): Promise<void> {
  if (!steps.some(isOrder)) return
  if (!acme.dns) {
    await preflight.resolve([...readAddresses(facts), ...readPeers(facts).map(({ address }) => address)])
    return
  }
  const where = await preflight.whereabouts()
  if (where !== undefined) said(where)
}

/**
 * Makes the server what it should be, and returns the steps that it took: none if nothing had to change. `first` is a look at it that was
 * just taken.
 */
export async function converge(
  server: Pick<Server, 'run'>,
  desired: Desired,
  planner: Planner,
  listener: Listener,
  first?: Promise<Looked>,
): Promise<Step[]> {
  const preflight = new Preflight(desired.domain, {}, desired.shared !== undefined)
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const { facts, steps, warnings } = await ((attempt === 1 && first) || look(server, desired, planner))
    listener.looked?.(facts)
    if (attempt === 1) warnings.forEach(listener.warned)
    listener.planned(steps, false)
    if (steps.length === 0) return steps
    await foresee(preflight, desired, facts, steps, listener.said)
    const log = new ApplyLog(desired, steps, listener, preflight)
    const apply = () => server.run(applyScript(desired, facts, steps), line => log.hear(line))
    const output = await (sharesRecord(desired, steps) ? queued(apply, listener.said) : apply())
    if (log.stale) {
      listener.said('another run changed the server in the meantime; looking again')
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

/** Whether a step sets the record in DNS that other servers of the registry set too. */
function sharesRecord(desired: Desired, steps: readonly Step[]): boolean {
  return desired.shared !== undefined && steps.some(step => setsRecord(desired, step))
}

/** Those of this run’s servers that set the record, or wait to: how many there are, and the last of them. */
const queue = { length: 0, last: Promise.resolve() }

/** Does work for one server after the other: some providers keep only the newest values of a record. */
async function queued<Result>(work: () => Promise<Result>, said: Listener['said']): Promise<Result> {
  if (queue.length > 0) said('waiting for another server, which sets the same record in DNS')
  queue.length += 1
  const turn = queue.last.then(work)
  const end = () => {
    queue.length -= 1
  }
  queue.last = turn.then(end, end)
  return turn
}
