import { connect, isIP } from 'node:net'
import type { Listener } from '../converge/listener.ts'
import type { Planner } from '../converge/plan.ts'
import { type Desired, ownAuth, type Target } from '../desired.ts'
import { asFailure, Cancelled, Failure, joined } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { Endpoint } from '../registry/endpoint.ts'
import { marker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import type { Context } from './context.ts'

/** One of the servers, and what is wanted there. */
export interface One {
  server: Server
  desired: Desired
  listener: Listener
  host: string
  /** Its name in messages; `undefined` if it is the only one. */
  name: string | undefined
  /** Makes a planner whose steps name this server. */
  plans(planner: Planner): Planner
}

/** The result of work on all servers. With only one server, a failure is thrown instead. */
export interface Worked<Result> {
  done: { one: One; result: Result }[]
  failed: { one: One; failure: Failure }[]
}

/**
 * Works on all servers at once. If one can’t be reached or changed, the others go on. Throws if all of them fail. Closes the
 * connections, unless `keep` says that they are still needed.
 */
export async function onServers<Result>(
  inputs: Inputs,
  context: Context,
  work: (one: One) => Promise<Result>,
  keep = false,
): Promise<Worked<Result>> {
  const ones = list(inputs, context)
  const [only] = ones
  if (only === undefined) throw new Failure('input', 'this mode needs a server; give the `ssh-*` inputs')
  try {
    if (ones.length === 1) return { done: [{ one: only, result: await work(only) }], failed: [] }
    const worked: Worked<Result> = { done: [], failed: [] }
    await Promise.all(
      ones.map(async one => {
        try {
          worked.done.push({ one, result: await work(one) })
        } catch (error) {
          worked.failed.push({ one, failure: named(one, asFailure(error)) })
        }
      }),
    )
    if (context.cancelled.aborted) throw new Cancelled()
    const failure = joined(worked.failed.map(({ failure }) => failure))
    if (failure && worked.done.length === 0) throw failure
    const inOrder = (a: { one: One }, b: { one: One }) => ones.indexOf(a.one) - ones.indexOf(b.one)
    return { done: worked.done.sort(inOrder), failed: worked.failed.sort(inOrder) }
  } finally {
    if (!keep) await Promise.all(context.servers.map(server => server.close()))
  }
}

/** The failure, with the name of its server if there are several. */
export function named({ name }: Pick<One, 'name'>, failure: Failure): Failure {
  return name === undefined ? failure : new Failure(failure.topic, `${name}: ${failure.message}`)
}

/** The title of the group in the log. */
export function serversTitle({ targets }: Inputs): string {
  const names = namesOf(targets)
  return names.length > 1 ? `Servers ${names.join(', ')}` : `Server ${targets[0]?.host}`
}

/** What to call servers. Two may share a host, on different ports. */
function namesOf(targets: readonly Pick<Target, 'host' | 'port'>[]): string[] {
  return targets.map(({ host, port }) => (isAlone(host, targets) ? host : `${host}:${port}`))
}

/** Whether only one of the servers is at this host. Its port 443 can lead to one of them only. */
function isAlone(host: string, targets: readonly Pick<Target, 'host'>[]): boolean {
  return targets.filter(each => each.host === host).length === 1
}

function list({ desired, targets }: Inputs, { servers, listener, beside }: Context): One[] {
  const names = namesOf(targets)
  const columns = short(names)
  return servers.map((server, index) => {
    const target = targets[index]
    const alone = { server, desired, listener, host: target?.host ?? '', name: undefined }
    const { shared } = desired
    if (target === undefined || shared === undefined) return { ...alone, plans: planner => planner }
    const { port } = target
    const name = names[index] ?? target.host
    const peers = targets.filter(each => each !== target).map(({ address }) => address)
    return {
      ...alone,
      desired: { ...desired, sshPort: port, shared: { ...shared, peers } },
      listener: beside(name, columns[index] ?? name),
      name,
      plans: planner => (wanted, facts) => {
        const plan = planner(wanted, facts)
        return { ...plan, steps: plan.steps.map(step => ({ ...step, server: name })) }
      },
    }
  })
}

/** Names of servers as a column of the log, without the part of their names that all of them share. */
export function short(names: readonly string[]): string[] {
  const parts = names.map(name => (isIP(name) === 0 ? name.split('.') : [name]))
  const [first = []] = parts
  let common = 0
  while (
    common + 1 < first.length &&
    parts.every(each => each.length > common + 1 && each.at(-1 - common) === first.at(-1 - common))
  )
    common++
  const heads = parts.map(each => each.slice(0, each.length - common).join('.'))
  const columns = new Set(heads).size < heads.length ? [...names] : heads
  const width = Math.max(...columns.map(({ length }) => length))
  return columns.map(name => name.padEnd(width))
}

/** Runs `work` on the first server that lets us in, where any of them will do. Closes all connections. */
export async function onServer<Result>(
  context: Context,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(await firstReached(context))
  } finally {
    await Promise.all(context.servers.map(server => server.close()))
  }
}

/** The first server that lets us in. A server that is alone is not tried: the work itself will show. */
async function firstReached({ servers }: Context): Promise<Server> {
  const failures: Failure[] = []
  for (const server of servers) {
    if (servers.length === 1) return server
    try {
      await server.run(`echo ${marker('here')}\n`)
      return server
    } catch (error) {
      failures.push(asFailure(error))
    }
  }
  throw joined(failures) ?? new Failure('input', 'this mode needs a server; give the `ssh-*` inputs')
}

/** Milliseconds after which a server’s port 443 counts as out of reach. */
const reach = 3000

/**
 * Looks at each of several servers as clients do, at its own address. Returns what is wrong, with the server’s name. It is no failure
 * if this runner can’t reach one of them by HTTPS; `unseen` may know something of it nevertheless.
 */
export async function seenAtEach(
  { desired: { domain, acme }, targets }: Inputs,
  ones: readonly One[],
  look: (endpoint: Endpoint, one: One) => Promise<void>,
  unseen: (one: One) => Failure | undefined = () => undefined,
): Promise<Failure[]> {
  const looks = ones.map(async one => {
    if (!isAlone(one.host, targets) || !(await answers(one.host))) {
      one.listener.said('this runner does not reach its port 443, so what it serves was not looked at')
      const failure = unseen(one)
      return failure ? [named(one, failure)] : []
    }
    const endpoint = new Endpoint(domain, acme.ca, { address: one.host })
    try {
      await look(endpoint, one)
      return []
    } catch (error) {
      return [named(one, asFailure(error))]
    } finally {
      endpoint.close()
    }
  })
  return (await Promise.all(looks)).flat()
}

/**
 * Begins to look at each of several servers as clients do, by host: whether it answers and lets in whom it should, as far as this
 * runner can see.
 */
export function lookAtEach({ desired, targets, pushUser }: Inputs): Map<string, Promise<boolean>> {
  const look = async (address: string) => {
    if (!isAlone(address, targets) || !(await answers(address))) return false
    const endpoint = new Endpoint(desired.domain, desired.acme.ca, { address })
    try {
      await endpoint.verify(pushUser, ownAuth(desired))
      return true
    } catch {
      return false
    } finally {
      endpoint.close()
    }
  }
  return new Map(targets.map(({ host }) => [host, look(host)]))
}

function answers(host: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port: 443, timeout: reach })
    const end = (reached: boolean) => {
      socket.destroy()
      resolve(reached)
    }
    socket.on('connect', () => end(true))
    socket.on('timeout', () => end(false))
    socket.on('error', () => end(false))
  })
}
