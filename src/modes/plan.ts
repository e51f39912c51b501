import { foresee, look } from '../converge/converge.ts'
import { planUp } from '../converge/plan.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { failureComment, keepComment, planComment } from '../report/comment.ts'
import type { Outcome } from '../report/outcome.ts'
import { Preflight } from '../resources/certificate/preflight.ts'
import { type Context, onGitHub, onServer } from './context.ts'

/** Says what `up` would change, on the pull request too. */
export async function plan(inputs: Inputs, context: Context): Promise<Outcome> {
  const { domain } = inputs.desired
  try {
    const { facts, steps, warnings } = await onServer(context, server => look(server, inputs.desired, planUp))
    context.listener.planned(steps, true)
    warnings.forEach(context.listener.warned)
    await foresee(new Preflight(domain), facts, steps)
    await comment(inputs, context, planComment(domain, steps))
    return { domain, steps, applied: false, pushed: [] }
  } catch (error) {
    // What an earlier commit's plan said may not be true any more.
    if (!context.cancelled.aborted) {
      await comment(inputs, context, failureComment(domain, (error as Error).message))
    }
    throw error
  }
}

async function comment(inputs: Inputs, context: Context, text: string): Promise<void> {
  const pull = context.github?.pull
  if (pull === undefined) return
  await onGitHub(inputs, context, 'the comment with the plan', 'pull-requests', repository =>
    keepComment(repository, pull, inputs.desired.domain, text),
  )
}
