import { Failure, joined } from '../failure.ts'
import { count, megabytes } from '../format.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Outcome } from '../report/outcome.ts'
import { type Cleanup, retentionLines } from '../report/retention.ts'
import { orders } from '../retention/collected.ts'
import { collect, settle, takeInventory } from '../retention/collector.ts'
import { gather, type Logs, noLogs, noRegistry, readLog } from '../retention/logs.ts'
import { planRetention } from '../retention/retention.ts'
import { storageOf } from '../retention/storage.ts'
import { inTurn } from '../retention/turn.ts'
import type { Server } from '../server/server.ts'
import type { Context } from './context.ts'
import { onServer, onServers, serversTitle } from './servers.ts'

/** Deletes what `keep` does not keep, and collects garbage, while the registry serves; or puts back what the last run took. */
export async function clean(inputs: Inputs, context: Context): Promise<Outcome> {
  const { desired, undo } = inputs
  const outcome = { domain: desired.domain, steps: [], applied: true, pushed: [] }
  return context.group(serversTitle(inputs), async () => {
    // Throws before any server is asked.
    storageOf(desired, inputs.grace)
    const done = await onServer(context, server =>
      undo ? putBack(server, inputs, context) : setAside(server, inputs, context),
    )
    return { ...outcome, ...done }
  })
}

async function putBack(server: Server, inputs: Inputs, context: Context): Promise<Cleanup> {
  const collected = await inTurn(
    async () => collect(server, inputs, 'undo', '', await logsBeside(server, inputs, context)),
    context.listener.said,
    context.cancelled,
  )
  const { tags, blobs } = collected.restored
  context.listener.said(
    tags.length + blobs === 0
      ? 'there is nothing to put back'
      : `put back ${count(tags.length, 'tag')} and ${count(blobs, 'blob')}${tags.map(each => `\n+ ${each}`).join('')}`,
  )
  return { collected }
}

async function setAside(server: Server, inputs: Inputs, context: Context): Promise<Cleanup> {
  const { said } = context.listener
  const inventory = await takeInventory(server, inputs, await logsBeside(server, inputs, context))
  if (inventory === undefined) throw noRegistry(inputs.desired.domain)
  const retention = planRetention(inputs.keep ?? [], inventory, inputs.grace)
  for (const each of retentionLines(retention, true)) said(each)
  const collected = await inTurn(
    // The logs are asked for again, because clients went on in the meantime.
    async () =>
      collect(server, inputs, 'collect', orders(retention), await logsBeside(server, inputs, context)),
    said,
    context.cancelled,
  )
  await heed(server, inputs, context)
  for (const { repository, tag } of collected.changed)
    said(`= ${repository}:${tag} was pushed again or deleted in the meantime, and is left as it is`)
  said(
    `set aside ${megabytes(collected.moved)}${collected.freed > 0 ? `; deleted ${megabytes(collected.freed)} that an earlier run had set aside` : ''}`,
  )
  return { retention, collected }
}

/** Puts back what clients asked for while images were set aside. If that fails, the next run does it before it deletes anything. */
async function heed(server: Server, inputs: Inputs, context: Context): Promise<void> {
  const untold = 'so what they asked for while images were set aside is put back by the next run only'
  try {
    await inTurn(
      async () => settle(server, inputs, await logsBeside(server, inputs, context, untold)),
      context.listener.said,
      context.cancelled,
    )
  } catch (error) {
    if (!(error instanceof Failure) || context.cancelled.aborted) throw error
    context.listener.warned(error)
  }
}

/**
 * What the logs of the other servers say. All are needed: there may be a push in progress on any of them. `untold` is what follows if
 * one can’t be asked.
 */
async function logsBeside(
  collector: Server,
  inputs: Inputs,
  context: Context,
  untold = 'so nothing is deleted anywhere',
): Promise<Logs> {
  if (context.servers.length < 2) return noLogs
  const { desired, keep } = inputs
  const { done, failed } = await onServers(
    inputs,
    context,
    ({ server }) => readLog(server, desired, keep),
    true,
  )
  const failure = joined(failed.map(({ failure }) => failure))
  if (failure)
    throw new Failure(
      failure.topic,
      `${failure.message}. What clients do there is not known, ${untold}; run again when it can be reached, or take its line out of \`ssh-host\` if it is gone`,
    )
  return gather(done.filter(({ one }) => one.server !== collector).map(({ result }) => result))
}
