import type { X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ownAuth } from '../desired.ts'
import { Failure } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { DiskFull } from '../publish/failure.ts'
import { portray } from '../publish/image.ts'
import { publish } from '../publish/publish.ts'
import { findImages, type Local } from '../publish/sources.ts'
import { RegistryApi } from '../registry/api.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import { retry } from '../registry/retry.ts'
import type { Outcome } from '../report/outcome.ts'
import { Docker, trust, trustFile } from '../runner/docker.ts'
import { Skopeo } from '../runner/skopeo.ts'
import { type Context, onEndpoint } from './context.ts'

/** Looks at the registry as its clients do, and pushes if there is an image. */
export async function push(inputs: Inputs, context: Context): Promise<Outcome> {
  try {
    const locals = await findLocals(inputs, context)
    const outcome = await onEndpoint(inputs, endpoint => deliver(endpoint, locals, inputs, context))
    return { ...outcome, looked: false }
  } catch (error) {
    if (!(error instanceof DiskFull)) throw error
    throw new Failure(
      'diskFull',
      `${error.message}. Delete what is not needed on the server, or enlarge its disk`,
    )
  }
}

/** The images to push, found on this runner before anything is contacted. */
export function findLocals({ images, desired }: Inputs, { folder, cancelled }: Context): Promise<Local[]> {
  return findImages(images, new Skopeo(join(folder, 'skopeo'), desired.acme.ca), cancelled)
}

/** `seen` is the certificate of a registry that was verified already; `undefined` if something was not right. */
export async function deliver(
  endpoint: Endpoint,
  locals: readonly Local[],
  inputs: Inputs,
  context: Context,
  seen?: Promise<X509Certificate | undefined>,
): Promise<Outcome> {
  const { desired, pushUser: user, immutable } = inputs
  const { domain } = desired
  const { cancelled, listener } = context
  const certificate = await context.group(`Check https://${domain}`, async () => {
    const shown =
      (await seen) ?? (await retry(() => endpoint.verify(user, ownAuth(desired)), listener.said, cancelled))
    listener.said(`the registry answers, with a certificate valid until ${shown.validToDate.toISOString()}`)
    return shown
  })
  const outcome = { domain, steps: [], applied: true, certificate }
  if (locals.length === 0) return { ...outcome, pushed: [] }
  const pushed = await context.group('Push', async () => {
    if (locals.some(({ client }) => client === 'Docker')) await trustAuthority(inputs, context)
    const registry = new RegistryApi(endpoint, user)
    const done = await publish(locals, { domain, registry, user, immutable, say: listener.said, cancelled })
    return Promise.all(
      done.map(async each => ({ ...each, ...(await portray(registry, each.repository, each.digest)) })),
    )
  })
  return { ...outcome, pushed }
}

/** Lets the runner's Docker trust a private authority until the post step. */
async function trustAuthority({ desired: { domain, acme } }: Inputs, context: Context): Promise<void> {
  if (acme.ca === undefined) return
  const docker = await Docker.connect(context.cancelled)
  const file = trustFile(domain, basename(context.folder), await docker.rootless())
  context.leaves(file)
  const source = join(context.folder, 'ca.crt')
  mkdirSync(context.folder, { recursive: true, mode: 0o700 })
  writeFileSync(source, acme.ca)
  await trust(file, source)
}
