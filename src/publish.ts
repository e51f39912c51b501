import type { User } from './desired.ts'
import type { Endpoint, Manifest } from './endpoint.ts'
import { megabytes, Progress } from './progress.ts'
import { DiskFull, rejection } from './rejection.ts'
import { retry, Transient } from './retry.ts'
import type { Local } from './sources.ts'

/** What the registry has after a push. */
export interface Pushed {
  repository: string
  tags: string[]
  digest: string
}

export interface Publication {
  domain: string
  endpoint: Endpoint
  user: User | undefined
  /** Whether a tag that exists with another digest stays. */
  immutable: boolean
  say(line: string): void
  cancelled: AbortSignal
}

/** Images at a time: more only share the same line, and the registry checks a password with every request. */
const atOnce = 3

/**
 * Pushes each image under each of its tags, and asks the registry what it has now. The first image goes alone, so that
 * the others find the layers that they share with it.
 */
export async function publish(images: readonly Local[], to: Publication): Promise<Pushed[]> {
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
  // One that fails lets the others end what they have begun.
  for (const each of await Promise.allSettled(workers)) if (each.status === 'rejected') throw each.reason
  return results.flat()
}

type Tags = Map<string, Manifest | undefined>

async function tagsOf({ repository, tags }: Local, to: Publication): Promise<Tags> {
  const found = await Promise.all(
    tags.map(
      async tag => [tag, await again(to, () => to.endpoint.manifest(repository, tag, to.user))] as const,
    ),
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
    throw new Error(
      `\`immutable\` is set, and other images have these tags already: ${moved.join(', ')}; choose a new tag, or leave \`tags\` without it. Nothing was pushed`,
    )
}

/** A manifest with the same configuration has the same layers, however they are compressed. */
function isSame({ id }: Local, { digest, config }: Manifest): boolean {
  return digest === id || config === id
}

async function publishOne(image: Local, known: Tags, to: Publication): Promise<Pushed[]> {
  const { repository, tags } = image
  const { domain, endpoint, user, say } = to
  const there = new Map([...known].filter(([, manifest]) => manifest && isSame(image, manifest)))
  for (const tag of there.keys()) say(`${domain}/${repository}:${tag} is there already`)
  const [next, ...others] = tags.filter(tag => !there.has(tag))

  if (next !== undefined) {
    let manifest = [...there.values()][0]
    if (manifest === undefined) {
      manifest = await send(image, next, to)
      there.set(next, manifest)
    } else others.unshift(next)
    for (const tag of others) {
      const same = manifest
      try {
        await again(to, () => endpoint.tag(repository, tag, same, user))
      } catch (error) {
        throw rejection((error as Error).message, { domain, repository, user: user?.name, client: 'Berth' })
      }
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
  return [...pushed].map(([digest, { tags }]) => ({ repository, tags, digest }))
}

/** Pushes an image under one tag, trying again what may be gone in a moment. */
async function send(image: Local, tag: string, to: Publication): Promise<Manifest> {
  const { repository, client, size } = image
  const { domain, endpoint, user, say } = to
  const attempt = { domain, repository, user: user?.name, client }
  const digest = await again(to, async () => {
    const progress = new Progress(line => say(`${domain}/${repository}:${tag}: ${line}`))
    try {
      const pushed = await image.push(`${domain}/${repository}`, tag, user, message => progress.hear(message))
      say(`${domain}/${repository}:${tag} pushed: ${progress.summary()}`)
      return pushed
    } catch (error) {
      if (to.cancelled.aborted) throw new Error('cancelled')
      let reason = rejection((error as Error).message, attempt)
      if (reason instanceof Transient) {
        const complaint = await endpoint.complaint(repository, user).catch(() => '')
        const better = rejection(complaint, attempt)
        if (better instanceof DiskFull) reason = better
      }
      if (reason instanceof DiskFull)
        throw new DiskFull(`${reason.message}${size > 0 ? `: the image has ${megabytes(size)}` : ''}`)
      throw reason
    }
  })
  return verified(repository, tag, digest, to)
}

/** What the registry has under a tag, which must be this digest. */
async function verified(repository: string, tag: string, digest: string, to: Publication): Promise<Manifest> {
  const found = await again(to, () => to.endpoint.manifest(repository, tag, to.user))
  if (found?.digest === digest) return found
  throw new Error(
    `${to.domain}/${repository}:${tag} was pushed as ${digest}, and the registry has ${found?.digest ?? 'no such tag'}; is another workflow pushing the same tag?`,
  )
}

async function complete(repository: string, manifest: Manifest, to: Publication): Promise<void> {
  const missing = await again(to, () => to.endpoint.missing(repository, manifest, to.user))
  if (missing.length > 0)
    throw new Error(
      `the registry lacks parts of ${to.domain}/${repository}@${manifest.digest} (${missing.slice(0, 3).join(', ')}); is its disk damaged? Delete the tag there and push again`,
    )
}

function again<Result>({ say, cancelled }: Publication, work: () => Promise<Result>): Promise<Result> {
  return retry(work, say, cancelled)
}
