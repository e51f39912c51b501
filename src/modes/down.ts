import { converge } from '../converge/converge.ts'
import { planDown } from '../converge/plan.ts'
import { joined } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Outcome } from '../report/outcome.ts'
import type { Context } from './context.ts'
import { onServers, serversTitle } from './servers.ts'

/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
export async function down(inputs: Inputs, context: Context): Promise<Outcome> {
  const { done, failed } = await context.group(serversTitle(inputs), () =>
    onServers(inputs, context, ({ server, desired, listener, plans }) =>
      converge(server, desired, plans(planDown), listener),
    ),
  )
  const failure = joined(failed.map(({ failure }) => failure))
  return {
    domain: inputs.desired.domain,
    steps: done.flatMap(({ result }) => result),
    applied: true,
    pushed: [],
    ...(failure && { failure }),
  }
}
