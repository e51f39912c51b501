import type { Desired, Keep } from '../desired.ts'
import { Failure } from '../failure.ts'
import { busyFailure, lockSeconds } from '../server/failure.ts'
import { isMarker, lastMarker, marker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import { compose, line } from '../shell.ts'
import { type Collected, parseCollected } from './collected.ts'
import { type Inventory, parseInventory } from './inventory.ts'
import { type Logs, otherLogs, pullsProgram } from './logs.ts'
import { unpack } from './packed.ts'
import { planRetention, type Retention } from './retention.ts'
import { type Command, compareServed, storageOf } from './storage.ts'

/** Which registry is cleaned, and how. */
export interface Cleaned {
  desired: Desired
  keep: Keep | undefined
  /** Seconds for which garbage collection spares what was pushed. */
  grace: number
}

/**
 * What `clean` would do, for mode `plan`; `undefined` if there is no registry yet. `logs` are those of other servers. `changes` is
 * whether `up` would change the registry.
 */
export async function foreseeRetention(
  server: Pick<Server, 'run'>,
  cleaned: Cleaned,
  logs: Logs,
  changes: boolean,
): Promise<Retention | undefined> {
  const inventory = await takeInventory(server, cleaned, logs, changes)
  return inventory && planRetention(cleaned.keep ?? [], inventory, cleaned.grace)
}

/** Seconds by which the server’s clock may be wrong. Rules are about days. */
const maxDrift = 15 * 60

/**
 * Which images there are; `undefined` if there is no such registry. Changes nothing. Throws if the registry is another one than
 * wanted, unless it `changes` before anything is deleted.
 */
export async function takeInventory(
  server: Pick<Server, 'run'>,
  { desired, keep, grace }: Cleaned,
  logs: Logs,
  changes = false,
): Promise<Inventory | undefined> {
  const said = await server.run(
    compose(
      ['server/protocol', 'server/facts', 'resources/registry/registry', 'retention/retention'],
      [...otherLogs(logs), line(storageOf(desired, grace).look(pullsProgram(keep)))],
    ),
  )
  if (lastMarker(said, 'retention.domain') !== desired.domain) return undefined
  const config = lastMarker(said, 'retention.config') ?? ''
  if (config !== '' && !changes) compareServed(desired, Buffer.from(config, 'base64').toString())
  const inventory = parseInventory([...logs.pulls, unpack(lastMarker(said, 'retention.store'))].join('\n'))
  const drift = Math.abs(Date.now() / 1000 - inventory.time)
  if (drift > maxDrift)
    throw new Failure(
      'clock',
      `the server’s clock and the runner’s are ${Math.round(drift / 60)} minutes apart, and rules about days would delete the wrong images; set the clock (\`timedatectl set-ntp true\`) and run again`,
    )
  return inventory
}

/**
 * Puts back what clients have asked for while a bucket was collected. That run knew only what the logs said when it began; `logs` are
 * those of the other servers by now.
 */
export async function settle(server: Pick<Server, 'run'>, cleaned: Cleaned, logs: Logs): Promise<void> {
  if (storageOf(cleaned.desired, cleaned.grace).run('settle', '').length === 0) return
  await collect(server, cleaned, 'settle', '', logs)
}

/** Sets aside what `orders` names, and garbage; or puts back what the last run set aside. */
export async function collect(
  server: Pick<Server, 'run'>,
  { desired, grace }: Cleaned,
  command: Command,
  orders: string,
  logs: Logs,
): Promise<Collected> {
  const said = await server.run(
    compose(
      [
        'server/apply',
        'server/protocol',
        'server/facts',
        'resources/registry/registry',
        'resources/site/site',
        'retention/retention',
      ],
      [
        `lock ${lockSeconds}`,
        ...otherLogs(logs),
        ...storageOf(desired, grace).run(command, orders).map(line),
        `echo ${marker('end')}`,
      ],
    ),
  )
  if (lastMarker(said, 'busy') !== undefined) throw busyFailure(lockSeconds)
  const collected = parseCollected(unpack(lastMarker(said, 'retention.result')))
  if (lastMarker(said, 'retention.restart') !== undefined) {
    const words = said.split('\n').filter(each => each !== '' && !isMarker(each))
    throw new Failure(
      'registryStart',
      `images were set aside, but the registry, which has a cache, could not be started anew, so it goes on to claim layers that are gone; fix what it says, and run mode \`clean\` again\n${words.slice(-5).join('\n')}`,
    )
  }
  return collected
}
