import { foresee, type Looked, look } from '../converge/converge.ts'
import { planUp } from '../converge/plan.ts'
import type { Keep } from '../desired.ts'
import { asFailure, Failure, joined } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { failureComment, keepComment, planComment } from '../report/comment.ts'
import type { Outcome } from '../report/outcome.ts'
import { retentionLines } from '../report/retention.ts'
import { Preflight } from '../resources/certificate/preflight.ts'
import { foreseeRetention } from '../retention/collector.ts'
import { gather, readLog, type ServerLog } from '../retention/logs.ts'
import type { Retention } from '../retention/retention.ts'
import { type Context, onGitHub } from './context.ts'
import { type One, onServers, type Worked } from './servers.ts'

/** Says what `up` would change, also in a comment on the pull request. */
export async function plan(inputs: Inputs, context: Context): Promise<Outcome> {
  const { retention, ...outcome } = await foretell(inputs, context)
  // The comment has both by now: what `up` would do, and why `clean` would do nothing.
  if (retention instanceof Failure) throw retention
  return { ...outcome, ...(retention && { retention }) }
}

type Foretold = Omit<Outcome, 'retention'> & { retention: Retention | Failure | undefined }

async function foretell(inputs: Inputs, context: Context): Promise<Foretold> {
  const { domain } = inputs.desired
  try {
    const { done, failed, retention } = await lookAtAll(inputs, context)
    for (const { one, result } of done) one.listener.planned(result.steps, true)
    if (retention && !(retention instanceof Failure))
      for (const each of retentionLines(retention, false)) context.listener.said(each)
    for (const { one, result } of done) {
      result.warnings.forEach(one.listener.warned)
      await foresee(new Preflight(domain), one.desired, result.facts, result.steps, one.listener.said)
    }
    const failure = joined(failed.map(({ failure }) => failure))
    if (failure) throw failure
    const steps = done.flatMap(({ result }) => result.steps)
    await comment(inputs, context, planComment(domain, steps, retention))
    return { domain, steps, applied: false, pushed: [], retention }
  } catch (error) {
    // The plan of an earlier commit may no longer be true.
    if (!context.cancelled.aborted) {
      await comment(inputs, context, failureComment(domain, asFailure(error).message))
    }
    throw error
  }
}

/** Each server, and what `keep` means for the images, which all of them have, or why that can’t be told. */
async function lookAtAll(
  inputs: Inputs,
  context: Context,
): Promise<Worked<Looked> & { retention?: Retention | Failure | undefined }> {
  const { keep } = inputs
  const { servers } = context
  const work = ({ server, desired, plans }: One) => look(server, desired, plans(planUp))
  if (keep === undefined) return onServers(inputs, context, work)
  try {
    const worked = await onServers(
      inputs,
      context,
      async one => ({
        looked: await work(one),
        log: servers.length > 1 ? await logOf(one, keep) : undefined,
      }),
      true,
    )
    const done = worked.done.map(({ one, result: { looked } }) => ({ one, result: looked }))
    const { failed } = worked
    // What clients do at one that can’t be reached is not known, and `clean` would delete nothing.
    if (failed.length > 0) return { done, failed }
    // One that is new has no registry yet.
    const reader = worked.done.find(({ result: { log } }) => log !== undefined) ?? worked.done[0]
    const others = worked.done.flatMap(({ one, result: { log } }) =>
      log === undefined || one === reader?.one ? [] : [log],
    )
    const retention =
      reader &&
      (await foreseeRetention(
        reader.one.server,
        inputs,
        gather(others),
        reader.result.looked.steps.some(({ resource }) => resource === 'registry'),
      ).catch((error: unknown) => {
        if (error instanceof Failure && !context.cancelled.aborted) return error
        throw error
      }))
    return { done, failed, retention }
  } finally {
    await Promise.all(servers.map(server => server.close()))
  }
}

/** `undefined` where there is no registry yet. */
async function logOf({ server, desired }: One, keep: Keep): Promise<ServerLog | undefined> {
  try {
    return await readLog(server, desired, keep)
  } catch (error) {
    if (error instanceof Failure && error.topic === 'noRegistry') return undefined
    throw error
  }
}

async function comment(inputs: Inputs, context: Context, text: string): Promise<void> {
  const pull = context.github?.pull
  if (pull === undefined) return
  await onGitHub(inputs, context, 'the comment with the plan', 'pull-requests', repository =>
    keepComment(repository, pull, inputs.desired.domain, inputs.keep !== undefined, text),
  )
}
