import { converge } from '../converge/converge.ts'
import { planDown } from '../converge/plan.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Outcome } from '../report/outcome.ts'
import { type Context, onServer } from './context.ts'

/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
export async function down({ desired, target }: Inputs, context: Context): Promise<Outcome> {
  const steps = await onServer(context, server =>
    context.group(`Server ${target?.host}`, () => converge(server, desired, planDown, context.listener)),
  )
  return { domain: desired.domain, steps, applied: true, pushed: [] }
}
