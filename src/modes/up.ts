import { converge } from '../converge/converge.ts'
import { planUp } from '../converge/plan.ts'
import { ownAuth } from '../desired.ts'
import { Failure } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { DiskFull } from '../publish/failure.ts'
import type { Outcome } from '../report/outcome.ts'
import type { Step } from '../resources/resource.ts'
import { freshUsers, names } from '../resources/users/users.ts'
import { quote } from '../shell.ts'
import { type Context, onEndpoint, onServer } from './context.ts'
import { deliver, findLocals } from './push.ts'

/** Converges, verifies, then pushes. */
export function up(inputs: Inputs, context: Context): Promise<Outcome> {
  return onEndpoint(inputs, async endpoint => {
    // Most runs change nothing; then what clients saw while the server was looked at is what they see.
    const seen = endpoint.verify(inputs.pushUser, ownAuth(inputs.desired)).catch(() => undefined)
    // An image that can’t be pushed is better known before the server changes.
    const locals = await findLocals(inputs, context)
    const steps = await onServer(context, server =>
      context.group(`Server ${inputs.target?.host}`, () =>
        converge(server, inputs.desired, planUp, context.listener),
      ),
    )
    await proveLogins(inputs, context, steps)
    try {
      const outcome =
        steps.length === 0
          ? await deliver(endpoint, locals, inputs, context, seen)
          : // A connection from before a change would show what was before it.
            await onEndpoint(inputs, fresh => deliver(fresh, locals, inputs, context))
      return { ...outcome, steps }
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error
      const room = await onServer(context, server =>
        server.run(`echo berth:room\ndf -h ${quote(`${inputs.desired.directory}/data`)}\n`),
      )
      throw new Failure(
        'diskFull',
        `${error.message}; ${freeRoom(room)}. Delete what is not needed, or enlarge the disk`,
      )
    }
  })
}

/** New passwords that are tried: nginx holds up an address after twenty that it has not seen to be right. */
const maxLogins = 15

/** A rotation is done when the new password has let its user in. */
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

/** Reads `df -h`. */
function freeRoom(text: string): string {
  const [, size, , free, , place] = text.trim().split('\n').at(-1)?.split(/\s+/) ?? []
  return `${free} of ${size} are free on ${place}`
}
