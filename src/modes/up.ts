import type { X509Certificate } from 'node:crypto'
import { basename, join } from 'node:path'
import { converge, foresee, type Listener, look } from '../converge/converge.ts'
import { plan as missing, removal, warnings } from '../converge/plan.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { DiskFull } from '../publish/failure.ts'
import { portray } from '../publish/image.ts'
import { publish } from '../publish/publish.ts'
import { findImages, type Local } from '../publish/sources.ts'
import { RegistryApi } from '../registry/api.ts'
import { Endpoint } from '../registry/endpoint.ts'
import { retry } from '../registry/retry.ts'
import { failureComment, keepComment, planComment } from '../report/comment.ts'
import type { Repository } from '../report/github.ts'
import type { Outcome } from '../report/outcome.ts'
import { Outside } from '../resources/certificate/preflight.ts'
import type { Step } from '../resources/resource.ts'
import { freshUsers, names } from '../resources/users/users.ts'
import { Docker, trust, trustFile } from '../runner/docker.ts'
import { Skopeo } from '../runner/skopeo.ts'
import type { Server } from '../server/server.ts'
import { quote } from '../shell.ts'

/** What a mode has to work with besides its inputs. */
export interface Surroundings {
  /** Where Berth may write on the runner; readable by nobody else. */
  folder: string
  listener: Listener
  /** `undefined` in mode `push`, which needs none. */
  server: Server | undefined
  /** Says when the job is cancelled. */
  cancelled: AbortSignal
  /** Puts a phase of the work into a group of the log. */
  group<Result>(title: string, work: () => Promise<Result>): Promise<Result>
  /** Tells the post step of a file on the runner that must not stay. */
  leaves(file: string): void
  /** The repository that the workflow belongs to, if it belongs to one; `pull` is the pull request that it runs for. */
  github: { name: string; api: string; pull: number | undefined } | undefined
}

/** Converges, verifies, then pushes. */
export function up(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  return onEndpoint(inputs, async endpoint => {
    // Most runs change nothing; then what clients saw while the server was looked at is what they see.
    const seen = endpoint.verify(inputs.pushUser).catch(() => undefined)
    // An image that can’t be pushed is better known before the server changes.
    const images = await locals(inputs, around)
    const steps = await onServer(around, server =>
      around.group(`Server ${inputs.target?.host}`, () =>
        converge(server, inputs.desired, missing, around.listener),
      ),
    )
    await proveLogins(inputs, around, steps)
    try {
      const outcome =
        steps.length === 0
          ? await deliver(endpoint, images, inputs, around, seen)
          : // A connection from before a change would show what was before it.
            await onEndpoint(inputs, fresh => deliver(fresh, images, inputs, around))
      return { ...outcome, steps }
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error
      const room = await onServer(around, server =>
        server.run(`echo berth:room\ndf -h ${quote(`${inputs.desired.directory}/data`)}\n`),
      )
      throw new Error(`${error.message}; ${freeRoom(room)}. Delete what is not needed, or enlarge the disk`)
    }
  })
}

/** A rotation is done when the new password has let its user in, which it does once the registry has read the new file. */
async function proveLogins(
  inputs: Inputs,
  { listener, group }: Surroundings,
  steps: readonly Step[],
): Promise<void> {
  const fresh = freshUsers(inputs.desired.users ?? [], steps)
  if (fresh.length === 0) return
  await group('Log in with new passwords', async () => {
    await onEndpoint(inputs, endpoint => endpoint.admit(fresh))
    listener.said(`logged in as ${names(fresh.map(({ name }) => name))}`)
  })
}

/** Says what `up` would change, on the pull request too. */
export async function plan(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { domain } = inputs.desired
  try {
    const { facts, steps } = await onServer(around, server => look(server, inputs.desired, missing))
    around.listener.planned(steps, true)
    warnings(inputs.desired, facts).forEach(around.listener.warned)
    await foresee(new Outside(domain), facts, steps)
    await comment(inputs, around, planComment(domain, steps))
    return { domain, steps, applied: false, pushed: [] }
  } catch (error) {
    // What an earlier commit's plan said may not be true any more.
    if (!around.cancelled.aborted) {
      await comment(inputs, around, failureComment(domain, (error as Error).message))
    }
    throw error
  }
}

async function comment(inputs: Inputs, around: Surroundings, text: string): Promise<void> {
  const pull = around.github?.pull
  if (pull === undefined) return
  await onGitHub(inputs, around, 'the comment with the plan', 'pull-requests', repository =>
    keepComment(repository, pull, inputs.desired.domain, text),
  )
}

/** Takes the registry and its site away; images, users and certificates stay unless `purge` says otherwise. */
export async function down(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { desired, target } = inputs
  const steps = await onServer(around, server =>
    around.group(`Server ${target?.host}`, () => converge(server, desired, removal, around.listener)),
  )
  return { domain: desired.domain, steps, applied: true, pushed: [] }
}

/** Looks at the registry as its clients do, and pushes if there is an image. */
export async function push(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  try {
    const images = await locals(inputs, around)
    const outcome = await onEndpoint(inputs, endpoint => deliver(endpoint, images, inputs, around))
    return { ...outcome, looked: false }
  } catch (error) {
    if (!(error instanceof DiskFull)) throw error
    throw new Error(`${error.message}. Delete what is not needed on the server, or enlarge its disk`)
  }
}

function locals({ images, desired }: Inputs, { folder, cancelled }: Surroundings): Promise<Local[]> {
  return findImages(images, new Skopeo(join(folder, 'skopeo'), desired.acme.ca, cancelled), cancelled)
}

/** `seen` is the certificate of a registry that was verified already; `undefined` if something was not right. */
async function deliver(
  endpoint: Endpoint,
  images: readonly Local[],
  inputs: Inputs,
  around: Surroundings,
  seen?: Promise<X509Certificate | undefined>,
): Promise<Outcome> {
  const { desired, pushUser: user, immutable } = inputs
  const { domain, acme } = desired
  const { cancelled, listener } = around
  const certificate = await around.group(`Check https://${domain}`, async () => {
    const shown = (await seen) ?? (await retry(() => endpoint.verify(user), listener.said, cancelled))
    listener.said(`the registry answers, with a certificate valid until ${shown.validToDate.toISOString()}`)
    return shown
  })
  const outcome = { domain, steps: [], applied: true, certificate }
  if (images.length === 0) return { ...outcome, pushed: [] }
  const pushed = await around.group('Push', async () => {
    if (acme.ca !== undefined && images.some(({ client }) => client === 'Docker')) {
      const file = trustFile(
        domain,
        basename(around.folder),
        await (await Docker.connect(cancelled)).rootless(),
      )
      around.leaves(file)
      await trust(file, acme.ca)
    }
    const registry = new RegistryApi(endpoint, user)
    const done = await publish(images, { domain, registry, user, immutable, say: listener.said, cancelled })
    return Promise.all(
      done.map(async each => ({ ...each, ...(await portray(registry, each.repository, each.digest)) })),
    )
  })
  return { ...outcome, pushed }
}

async function onEndpoint<Result>(
  { desired: { domain, acme } }: Inputs,
  work: (endpoint: Endpoint) => Promise<Result>,
): Promise<Result> {
  const endpoint = new Endpoint(domain, acme.ca)
  try {
    return await work(endpoint)
  } finally {
    endpoint.close()
  }
}

/** Reads `df -h`. */
function freeRoom(text: string): string {
  const [, size, , free, , place] = text.trim().split('\n').at(-1)?.split(/\s+/) ?? []
  return `${free} of ${size} are free on ${place}`
}

/** Keeps the connection to the server for as long as `work` takes. */
export async function onServer<Result>(
  { server }: Surroundings,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  if (!server) throw new Error('this mode needs a server')
  try {
    return await work(server)
  } finally {
    await server.close()
  }
}

/**
 * Writes on GitHub, if there is a token. `work` returns what it did. That it can’t be done is a warning: it must not hide
 * how the server is.
 */
export async function onGitHub(
  { githubToken: token }: Inputs,
  { github, listener }: Surroundings,
  what: string,
  permission: 'issues' | 'pull-requests',
  work: (repository: Repository) => Promise<string | undefined>,
): Promise<void> {
  if (token === undefined || github === undefined) return
  try {
    const done = await work({ ...github, token })
    if (done) listener.said(done)
  } catch (error) {
    listener.warned(
      `${what} can’t be kept: ${(error as Error).message}; does \`github-token\` have \`${permission}: write\`? (In a pull request from a fork it never has.)`,
    )
  }
}
