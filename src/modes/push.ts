import type { X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Credentials, ownAuth } from '../desired.ts'
import { Failure } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { DiskFull, loginFailure } from '../publish/failure.ts'
import { portray } from '../publish/image.ts'
import { publish } from '../publish/publish.ts'
import { findImages, type Local } from '../publish/sources.ts'
import { RegistryApi } from '../registry/api.ts'
import { Endpoint, Unlocked } from '../registry/endpoint.ts'
import { Gate } from '../registry/gate.ts'
import { retry } from '../registry/retry.ts'
import type { Outcome } from '../report/outcome.ts'
import { fullFlag } from '../resources/guard/guard.ts'
import { Docker } from '../runner/docker.ts'
import { logIn } from '../runner/login.ts'
import { Skopeo } from '../runner/skopeo.ts'
import { trust, trustFile } from '../runner/trust.ts'
import { lastMarker, marker } from '../server/protocol.ts'
import type { Server } from '../server/server.ts'
import { quote } from '../shell.ts'
import { type Context, onEndpoint } from './context.ts'
import { onServer } from './servers.ts'

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
export function findLocals(
  { images, desired }: Inputs,
  { folder, cancelled, listener }: Context,
): Promise<Local[]> {
  return findImages(images, new Skopeo(join(folder, 'skopeo'), desired.acme.ca), cancelled, listener.said)
}

/** Verifies the registry and pushes. `seen` is its certificate if it was verified already, `undefined` if something was wrong. */
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
  const certificate = await context.group(`Check https://${domain}`, () =>
    seenFromHere(inputs, context, async () => {
      const look = () =>
        inputs.throughSsh && user === undefined && desired.users !== null
          ? endpoint.certificate()
          : endpoint.verify(user, ownAuth(desired))
      const shown = (await seen) ?? (await retry(look, listener.said, cancelled))
      listener.said(`the registry answers, with a certificate valid until ${shown.validToDate.toISOString()}`)
      return shown
    }),
  )
  if (inputs.login || (!inputs.throughSsh && locals.some(({ client }) => client === 'Docker')))
    await trustAuthority(inputs, context)
  const loggedIn = await stayLoggedIn(inputs, context)
  const outcome = {
    ...{ domain, steps: [], applied: true },
    ...(certificate && { certificate }),
    ...(loggedIn && { loggedIn }),
  }
  if (locals.length === 0) return { ...outcome, pushed: [] }
  const { pushed, failure } = await context.group('Push', () =>
    onWay(endpoint, locals, inputs, context, async (way, by) => {
      const registry = new RegistryApi(way, by ? undefined : user)
      const to = {
        domain,
        by,
        registry,
        user: by ? undefined : user,
        immutable,
        say: listener.said,
        cancelled,
      }
      const done = await publish(locals, to)
      const pushed = await Promise.all(
        done.pushed.map(async each => ({
          ...each,
          ...(await portray(registry, each.repository, each.digest)),
        })),
      )
      return { pushed, failure: done.failure }
    }),
  )
  return { ...outcome, pushed, ...(failure && { failure }) }
}

/** Looks at the registry as clients do. Where images go through SSH, it is only a warning if this runner does not reach it. */
export async function seenFromHere<Result>(
  { throughSsh, login }: Inputs,
  { listener }: Context,
  look: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await look()
  } catch (error) {
    if (!throughSsh || login || !(error instanceof Failure) || error instanceof Unlocked) throw error
    listener.warned(
      new Failure(error.topic, `clients can’t reach the registry from this runner: ${error.message}`),
    )
    return undefined
  }
}

/** Opens the way for the images: HTTPS, or SSH to the registry’s socket. */
async function onWay<Result>(
  endpoint: Endpoint,
  locals: readonly Local[],
  inputs: Inputs,
  context: Context,
  work: (way: Endpoint, by?: { address: string; user: Credentials }) => Promise<Result>,
): Promise<Result> {
  if (!inputs.throughSsh) return work(endpoint)
  const { domain, directory } = inputs.desired
  return onServer(context, async server => {
    const socket = await registrySocket(server, domain, directory)
    const way = new Endpoint(domain, undefined, { socket })
    const gate = await Gate.open(socket)
    try {
      // sshd refuses a forwarding when it is used, not when it is requested.
      await way.ask('GET', '/v2/').catch(() => {
        throw new Failure(
          'connection',
          `SSH lets nothing through to ${directory}/registry.sock; allow \`AllowStreamLocalForwarding\` in the server’s sshd_config, add \`port-forwarding\` where the key’s line in authorized_keys has \`restrict\`, and see whether the registry runs`,
        )
      })
      if (locals.some(({ client }) => client === 'Docker')) await refuseElsewhere(gate, context)
      context.listener.said(`images go through SSH to ${directory}/registry.sock on the server`)
      return await work(way, gate)
    } finally {
      gate.close()
      way.close()
    }
  })
}

/** A path on this machine that connects to the registry’s socket. nginx, which refuses uploads when the disk is full, is bypassed. */
async function registrySocket(server: Server, domain: string, directory: string): Promise<string> {
  const socket = `${directory}/registry.sock`
  const said = await server.run(
    `[ ! -S ${quote(socket)} ] || echo ${marker('registry', 'yes')}
[ ! -e ${quote(fullFlag(domain))} ] || echo ${marker('full', 'yes')}
echo ${marker('end')}
`,
  )
  if (lastMarker(said, 'registry') === undefined)
    throw new Failure(
      'noRegistry',
      `the server has no registry in ${directory}; set it up with mode \`up\`, or give its \`directory\``,
    )
  if (lastMarker(said, 'full') !== undefined)
    throw new DiskFull('the server’s disk is full, so nothing can be pushed')
  return server.forward(socket)
}

async function refuseElsewhere(gate: Gate, { cancelled }: Context): Promise<void> {
  const docker = await Docker.connect(cancelled)
  if (await docker.reaches(gate.address, gate.user)) return
  throw new Failure(
    'runnerDocker',
    'this job’s Docker does not run on this runner, so it can’t push through SSH from here; push an archive (`docker save my-app -o my-app.tar`, `image: ./my-app.tar`), or omit `push-through`',
  )
}

/** Logs this job’s Docker in for later steps; the post step logs it out. Returns the user’s name. */
async function stayLoggedIn(inputs: Inputs, context: Context): Promise<string | undefined> {
  const { login, pushUser: user, desired } = inputs
  if (!login || user === undefined) return undefined
  const { domain } = desired
  const { listener, cancelled, folder } = context
  await retry(
    async () => {
      const words = await logIn(domain, user, folder)
      if (words !== '') throw loginFailure(words, { domain, user: user.name })
    },
    listener.said,
    cancelled,
  )
  listener.said(`this job’s Docker is logged in to ${domain} as ${user.name} until the post step`)
  return user.name
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
