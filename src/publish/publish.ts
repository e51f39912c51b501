import type { Credentials } from '../desired.ts'
import { asFailure, Failure, joined } from '../failure.ts'
import { megabytes } from '../format.ts'
import type { Manifest, RegistryApi } from '../registry/api.ts'
import { retry, Transient } from '../registry/retry.ts'
import type { PushMessage } from '../runner/docker.ts'
import { type Attempt, DiskFull, pushFailure, TooLarge } from './failure.ts'
import { PushProgress } from './progress.ts'
import type { Local } from './sources.ts'

/** What the registry has after a push. */
export interface Pushed {
  repository: string
  tags: string[]
  digest: string
  /** Whether it was there already, under each of these tags. */
  known: boolean
}

export interface Publication {
  domain: string
  /** Where clients push if not to the registry itself, and the login there. */
  by?: { address: string; user: Credentials } | undefined
  registry: RegistryApi
  user: Credentials | undefined
  /** Whether a tag that exists with another digest must not move. */
  immutable: boolean
  say(line: string): void
  cancelled: AbortSignal
}

/** Images at a time. More would only share the same bandwidth, and every request costs the check of a password. */
const atOnce = 3

/**
 * Pushes each image under each of its tags, and then asks the registry what it has. The first image goes alone, so that the
 * layers which the others share with it are there already. If one of the others fails, `failure` says why, and what the registry
 * has by then is told all the same.
 */
export async function publish(
  images: readonly Local[],
  to: Publication,
): Promise<{ pushed: Pushed[]; failure: Failure | undefined }> {
  const known = await Promise.all(images.map(image => tagsOf(image, to)))
  if (to.immutable) refuseMoves(images, known, to.domain)
  const results: Pushed[][] = []
  const work = async (index: number) => {
    const image = images[index]
    if (image) results[index] = await publishOne(image, known[index] ?? new Map(), to)
  }
  await work(0)
  const rest = [...images.keys()].slice(1).values()
  const workers = Array.from({ length: atOnce }, async () => {
    for (const index of rest) await work(index)
  })
  // If one fails, the others finish what they have started.
  const reasons = (await Promise.allSettled(workers)).flatMap(each =>
    each.status === 'rejected' ? [each.reason] : [],
  )
  // What to do about a full disk is for the caller to say.
  const full = reasons.find(each => each instanceof DiskFull)
  if (full) throw full
  return { pushed: results.flat(), failure: joined(reasons.map(asFailure)) }
}

type Tags = Map<string, Manifest | undefined>

async function tagsOf({ repository, tags }: Local, to: Publication): Promise<Tags> {
  const found = await Promise.all(
    tags.map(async tag => [tag, await again(to, () => to.registry.manifest(repository, tag))] as const),
  )
  return new Map(found)
}

function refuseMoves(images: readonly Local[], known: readonly Tags[], domain: string): void {
  const moved = images.flatMap((image, index) =>
    [...(known[index] ?? [])].flatMap(([tag, there]) =>
      there && !isSame(image, there) ? [`${domain}/${image.repository}:${tag} (${there.digest})`] : [],
    ),
  )
  if (moved.length > 0)
    throw new Failure(
      'immutable',
      `\`immutable\` is set, and other images have these tags already: ${moved.join(', ')}; choose a new tag, or omit it from \`tags\`. Nothing was pushed`,
    )
}

/** A manifest with the same configuration has the same layers, however they are compressed. */
function isSame({ id }: Local, { digest, config }: Manifest): boolean {
  return digest === id || config === id
}

async function publishOne(image: Local, known: Tags, to: Publication): Promise<Pushed[]> {
  const { repository, tags } = image
  const { domain, registry, user, say } = to
  const there = new Map([...known].filter(([, manifest]) => manifest && isSame(image, manifest)))
  const before = new Set(there.keys())
  for (const tag of before) say(`${domain}/${repository}:${tag} is there already`)
  const [next, ...others] = tags.filter(tag => !there.has(tag))

  if (next !== undefined) {
    let manifest = [...there.values()][0]
    if (manifest === undefined) {
      manifest = await send(image, next, to)
      there.set(next, manifest)
    } else others.unshift(next)
    for (const tag of others) {
      const same = manifest
      await again(to, async () => {
        await refuseTaken(image, tag, to)
        await registry.tag(repository, tag, same).catch(error => {
          throw pushFailure(error.message, { domain, repository, user: user?.name, client: 'Berth' })
        })
      })
      there.set(tag, await verified(repository, tag, manifest.digest, to))
      say(`${domain}/${repository}:${tag} is the same image`)
    }
  }

  const pushed = new Map<string, { manifest: Manifest; tags: string[] }>()
  for (const tag of tags) {
    const manifest = there.get(tag)
    if (!manifest) continue
    const same = pushed.get(manifest.digest)
    if (same) same.tags.push(tag)
    else pushed.set(manifest.digest, { manifest, tags: [tag] })
  }
  for (const { manifest } of pushed.values()) await complete(repository, manifest, to)
  return [...pushed].map(([digest, { tags }]) => ({
    ...{ repository, tags, digest },
    known: tags.every(tag => before.has(tag)),
  }))
}

/** Pushes an image under one tag, and tries again after failures that may pass. */
async function send(image: Local, tag: string, to: Publication): Promise<Manifest> {
  const { repository } = image
  const name = `${to.domain}/${repository}`
  const digest = await again(to, async () => {
    await refuseTaken(image, tag, to)
    const progress = new PushProgress(line => to.say(`${name}:${tag}: ${line}`))
    // Docker tries each layer for more than a minute before it reports what it was told.
    const hopeless = new AbortController()
    let asked = false
    const hear = (message: PushMessage) => {
      progress.hear(message)
      if (asked || !/^Retrying in/.test(message.status ?? '')) return
      asked = true
      void lastingFailure(image, to).then(reason => reason && hopeless.abort(reason))
    }
    try {
      const either = AbortSignal.any([to.cancelled, hopeless.signal])
      const target = { name: `${to.by?.address ?? to.domain}/${repository}`, tag }
      const pushed = await image.push(target, to.by?.user ?? to.user, hear, either)
      to.say(`${name}:${tag} pushed: ${progress.summary()}`)
      return pushed
    } catch (error) {
      if (to.cancelled.aborted)
        throw new Failure('connectionLost', 'the push was cancelled; run the workflow again')
      if (hopeless.signal.aborted) throw hopeless.signal.reason
      const reason = pushFailure(asFailure(error).message, attempt(image, to))
      throw (reason instanceof Transient && (await lastingFailure(image, to))) || sized(reason, image)
    }
  })
  return verified(repository, tag, digest, to)
}

/** A failure of every upload that won’t pass by itself, found by a trial upload; `undefined` if there is none. */
async function lastingFailure(image: Local, to: Publication): Promise<Failure | undefined> {
  const words = await to.registry.trialUpload(image.repository).catch(() => '')
  const reason = pushFailure(words, attempt(image, to))
  return reason instanceof DiskFull || reason instanceof TooLarge ? sized(reason, image) : undefined
}

function sized(reason: Failure, { size }: Local): Failure {
  return reason instanceof DiskFull && size > 0
    ? new DiskFull(`${reason.message}: the image has ${megabytes(size)}`)
    : reason
}

function attempt({ repository, client }: Local, { domain, user }: Publication): Attempt {
  return { domain, repository, user: user?.name, client }
}

/**
 * Another workflow may have taken an immutable tag since the first look. A registry has no request that takes a tag only if it is
 * free.
 */
async function refuseTaken(image: Local, tag: string, to: Publication): Promise<void> {
  if (!to.immutable) return
  const there = await to.registry.manifest(image.repository, tag)
  if (there && !isSame(image, there))
    throw new Failure(
      'immutable',
      `\`immutable\` is set, and another workflow has given ${to.domain}/${image.repository}:${tag} to ${there.digest} in the meantime; choose a new tag`,
    )
}

/** The manifest that the registry has under a tag. Throws if it is not the one with this digest. */
async function verified(repository: string, tag: string, digest: string, to: Publication): Promise<Manifest> {
  const found = await again(to, () => to.registry.manifest(repository, tag))
  if (found?.digest === digest) return found
  throw new Failure(
    'samePush',
    `${to.domain}/${repository}:${tag} was pushed as ${digest}, and the registry has ${found?.digest ?? 'no such tag'}; is another workflow pushing the same tag?`,
  )
}

async function complete(repository: string, manifest: Manifest, to: Publication): Promise<void> {
  const missing = await again(to, () => to.registry.missing(repository, manifest))
  if (missing.length > 0)
    throw new Failure(
      'push',
      `the registry lacks parts of ${to.domain}/${repository}@${manifest.digest} (${missing.slice(0, 3).join(', ')}); is its disk damaged? Delete the tag there and push again`,
    )
}

function again<Result>({ say, cancelled }: Publication, work: () => Promise<Result>): Promise<Result> {
  return retry(work, say, cancelled)
}
