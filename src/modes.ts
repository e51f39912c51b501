import { join } from 'node:path'
import { converge, foresee, type Listener, look } from './converge.ts'
import { Docker, trustFile } from './docker.ts'
import { Endpoint } from './endpoint.ts'
import type { Inputs } from './inputs.ts'
import { Outside } from './outside.ts'
import { plan as missing, removal } from './plan.ts'
import { publish } from './publish.ts'
import type { Outcome } from './report.ts'
import type { Step } from './resource.ts'
import { freshUsers, names } from './resources/users.ts'
import { Server } from './server.ts'

/** What a mode has to work with besides its inputs. */
export interface Surroundings {
  /** Where Berth may write on the runner; readable by nobody else. */
  folder: string
  listener: Listener
  /** Says when the job is cancelled. */
  cancelled: AbortSignal
  /** Puts a phase of the work into a group of the log. */
  group<Result>(title: string, work: () => Promise<Result>): Promise<Result>
  /** Tells the post step of a file on the runner that must not stay. */
  leaves(file: string): void
  /** The repository that the workflow belongs to, if it belongs to one. */
  github: { name: string; api: string } | undefined
}

/** Converges, verifies, then pushes. */
export async function up(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { desired, target } = inputs
  const steps = await onServer(inputs, around, server =>
    around.group(`Server ${target?.host}`, () => converge(server, desired, missing, around.listener)),
  )
  await proveLogins(inputs, around, steps)
  return { ...(await push(inputs, around)), steps }
}

/** A rotation is done when the new password has let its user in, which it does once the registry has read the new file. */
async function proveLogins(
  { desired }: Inputs,
  { listener, group }: Surroundings,
  steps: readonly Step[],
): Promise<void> {
  const fresh = freshUsers(desired.users ?? [], steps)
  if (fresh.length === 0) return
  const endpoint = new Endpoint(desired.domain, desired.acme.ca)
  try {
    await group('Log in with new passwords', async () => {
      await endpoint.admit(fresh)
      listener.said(`logged in as ${names(fresh.map(({ name }) => name))}`)
    })
  } finally {
    endpoint.close()
  }
}

/** Says what `up` would change. */
export async function plan(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { facts, steps } = await onServer(inputs, around, server => look(server, inputs.desired, missing))
  around.listener.planned(steps, true)
  await foresee(new Outside(inputs.desired.domain), facts, steps)
  return { domain: inputs.desired.domain, steps, applied: false, pushed: [] }
}

/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
export async function down(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { desired, target } = inputs
  const steps = await onServer(inputs, around, server =>
    around.group(`Server ${target?.host}`, () => converge(server, desired, removal, around.listener)),
  )
  return { domain: desired.domain, steps, applied: true, pushed: [] }
}

/** Looks at the registry as its clients do, and pushes if there is an image. */
export async function push(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { desired, images, pushUser } = inputs
  const { domain, acme } = desired
  const endpoint = new Endpoint(domain, acme.ca)
  try {
    const certificate = await around.group(`Check https://${domain}`, () => endpoint.verify(pushUser))
    const outcome = { domain, steps: [], applied: true, certificate }
    if (images.length === 0) return { ...outcome, pushed: [] }
    const pushed = await around.group('Push', async () => {
      const docker = new Docker(join(around.folder, 'docker'), around.listener.debug)
      if (acme.ca !== undefined) {
        around.leaves(trustFile(domain))
        await docker.trust(trustFile(domain), acme.ca)
      }
      return publish(docker, endpoint, domain, images, pushUser, around.listener.debug)
    })
    return { ...outcome, pushed }
  } finally {
    endpoint.close()
  }
}

/** Connects to the server for as long as `work` takes. */
export async function onServer<Result>(
  { target }: Inputs,
  { folder, listener, cancelled }: Surroundings,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  if (!target) throw new Error('this mode needs a server')
  const server = new Server(target, join(folder, 'ssh'), listener.debug, cancelled)
  try {
    return await work(server)
  } finally {
    await server.close()
  }
}
