import { converge, type Looked, look } from '../converge/converge.ts'
import type { Listener } from '../converge/listener.ts'
import { planTrial, planUp } from '../converge/plan.ts'
import { ownAuth } from '../desired.ts'
import { asFailure, Failure, joined } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { DiskFull } from '../publish/failure.ts'
import { retry } from '../registry/retry.ts'
import type { Outcome } from '../report/outcome.ts'
import { bucketOf, isTrial, movesImages } from '../resources/registry/bucket.ts'
import { registry } from '../resources/registry/registry.ts'
import type { Step } from '../resources/resource.ts'
import { freshUsers, names } from '../resources/users/users.ts'
import { marker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import { quote } from '../shell.ts'
import { type Context, onEndpoint } from './context.ts'
import { deliver, findLocals, seenFromHere } from './push.ts'
import {
  lookAtEach,
  type One,
  onServer,
  onServers,
  seenAtEach,
  serversTitle,
  type Worked,
} from './servers.ts'

/** Converges, verifies, then pushes. */
export function up(inputs: Inputs, context: Context): Promise<Outcome> {
  return onEndpoint(inputs, async endpoint => {
    // Most runs change nothing. Then what clients see now is still true afterwards.
    const seen = endpoint.verify(inputs.pushUser, ownAuth(inputs.desired)).catch(() => undefined)
    const wellBefore = inputs.targets.length > 1 ? lookAtEach(inputs) : new Map<string, Promise<boolean>>()
    // An image that can’t be pushed should be reported before the server changes.
    const locals = await findLocals(inputs, context)
    const taken: Step[] = []
    const { done, failed } = await context.group(serversTitle(inputs), async () => {
      const looks = await together(inputs, context)
      return onServers(
        inputs,
        context,
        ({ server, desired, listener, plans }) =>
          converge(server, desired, plans(planUp), noting(taken, listener), looks.get(server)),
        // Images that go through SSH still need the connection.
        inputs.throughSsh,
      )
    })
    const steps = done.flatMap(({ result }) => result)
    const failures = failed.map(({ one, failure }) =>
      behind(failure, changedUsers(steps), changedUsers(taken.filter(({ server }) => server === one.name))),
    )
    // The name may point to a server that was not changed.
    if (inputs.targets.length > 1) failures.push(...(await proveEach(inputs, context, done, wellBefore)))
    else await seenFromHere(inputs, context, () => proveLogins(inputs, context, steps))
    try {
      const outcome =
        steps.length === 0
          ? await deliver(endpoint, locals, inputs, context, seen)
          : // A connection opened before a change would show the state before it.
            await onEndpoint(inputs, fresh => deliver(fresh, locals, inputs, context))
      const failure = joined([...failures, ...(outcome.failure ? [outcome.failure] : [])])
      return { ...outcome, steps, ...(failure && { failure }) }
    } catch (error) {
      if (failures.length > 0) throw joined([...failures, asFailure(error)])
      if (!(error instanceof DiskFull)) throw error
      const room = await onServer(context, server =>
        server.run(`echo ${marker('room')}\ndf -h ${quote(`${inputs.desired.directory}/data`)}\n`),
      )
      throw new Failure(
        'diskFull',
        `${error.message}; ${freeRoom(room)}. Delete what is not needed, or enlarge the disk`,
      )
    }
  })
}

/**
 * Looks at several servers with one storage, and returns what was seen. If images would move to another storage, each server first tries
 * that, and nothing is changed unless all of them can use it: otherwise the rest would serve other images under the same name.
 */
async function together(inputs: Inputs, context: Context): Promise<ReadonlyMap<Server, Promise<Looked>>> {
  const looks = new Map<Server, Promise<Looked>>()
  if (inputs.targets.length < 2) return looks
  const { done, failed } = await onServers(
    inputs,
    context,
    ({ server, desired, plans }) => {
      const first = look(server, desired, plans(planUp))
      looks.set(server, first)
      return first
    },
    true,
  )
  const moves = done.some(({ one, result: { facts } }) =>
    movesImages(one.desired, registry.read(facts, one.desired).config),
  )
  if (!moves) return looks
  // Other storages have no trial.
  if (failed.length === 0 && bucketOf(inputs.desired))
    failed.push(...(await onServers(inputs, context, tryStorage, true)).failed)
  const [first] = failed
  if (first === undefined) return new Map()
  throw joined([
    ...failed.map(({ failure }) => failure),
    new Failure(
      first.failure.topic,
      'so none of the servers uses the new storage yet, because all must move to it together; fix that, or take the server out of `ssh-host`, and run again',
    ),
  ])
}

/** Nothing else but packages is changed, and nothing counts as done. */
async function tryStorage({ server, desired, listener, plans }: One): Promise<void> {
  const done: Listener['done'] = (step, milliseconds) =>
    isTrial(step) ? listener.said('it can use the new storage') : listener.done(step, milliseconds)
  await converge(server, desired, plans(planTrial), { ...listener, done })
}

/** How many new passwords are tried: nginx slows an address down after twenty that it has not yet seen to be right. */
const maxLogins = 15

/** A password has changed when the new one lets its user in. */
async function proveLogins(
  inputs: Inputs,
  { listener, group }: Context,
  steps: readonly Step[],
): Promise<void> {
  const fresh = freshUsers(inputs.desired.users ?? [], steps)
  const proved = fresh.slice(0, maxLogins)
  if (proved.length === 0) return
  await group('Log in with new passwords', async () => {
    await onEndpoint(inputs, endpoint => endpoint.admit(proved))
    const rest = fresh.length - proved.length
    listener.said(
      `logged in as ${names(proved.map(({ name }) => name))}${rest === 0 ? '' : `; ${rest} more are in the same file`}`,
    )
  })
}

/** A listener that also notes which steps were taken. */
function noting(taken: Step[], listener: Listener): Listener {
  return {
    ...listener,
    done(step, milliseconds) {
      taken.push(step)
      listener.done(step, milliseconds)
    },
  }
}

/** Whose old password no longer counts after these steps. */
function changedUsers(steps: readonly Step[]): string[] {
  const changed = steps
    .filter(({ resource }) => resource === 'users')
    .flatMap(({ changes }) => changes)
    .flatMap(({ action, subject }) => (action === 'create' || subject === undefined ? [] : [subject]))
  return [...new Set(changed)]
}

/**
 * Adds to a server’s failure whose old passwords it still accepts: of those who were changed on others, who were not `here`. A line
 * of its own, if the message ends with what the server said.
 */
export function behind(
  { topic, message }: Failure,
  others: readonly string[],
  here: readonly string[],
): Failure {
  const who = others.filter(name => !here.includes(name))
  if (who.length === 0) return new Failure(topic, message)
  const end = message.includes('\n') ? '\n' : /[.?]$/.test(message) ? ' ' : '. '
  return new Failure(
    topic,
    `${message}${end}Until a run has changed it, it lets in with an old password: ${names(who)}`,
  )
}

/**
 * Checks who is let in on each server, at its own address: the name points to only one of them. One that did so before, and was not
 * changed, still does.
 */
function proveEach(
  inputs: Inputs,
  { group, cancelled }: Context,
  done: Worked<Step[]>['done'],
  wellBefore: ReadonlyMap<string, Promise<boolean>>,
): Promise<Failure[]> {
  const { desired, pushUser } = inputs
  const well = ({ listener }: One) => listener.said('it answers, and lets in whom it should')
  return group('Check each server', async () => {
    const others: One[] = []
    for (const { one, result } of done)
      if (result.length === 0 && (await wellBefore.get(one.host))) well(one)
      else others.push(one)
    return seenAtEach(inputs, others, async (endpoint, one) => {
      const changed = done.find(each => each.one === one)?.result ?? []
      await endpoint.admit(freshUsers(desired.users ?? [], changed).slice(0, maxLogins))
      await retry(() => endpoint.verify(pushUser, ownAuth(desired)), one.listener.said, cancelled)
      well(one)
    })
  })
}

/** Reads `df -h`. */
function freeRoom(text: string): string {
  const [, size, , free, , place] = text.trim().split('\n').at(-1)?.split(/\s+/) ?? []
  return `${free} of ${size} are free on ${place}`
}
