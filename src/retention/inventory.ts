import { Failure } from '../failure.ts'

/** The contents of the registry’s store, as `store.pl` reports them. */
export interface Inventory {
  /** The server’s time. All times here are in seconds since 1970. */
  time: number
  /** In bytes; all 0 if images are in a bucket. */
  disk: { bytes: number; free: number }
  /** Bytes that earlier runs set aside. */
  aside: number
  /** Blobs by number, including those of manifests. */
  blobs: readonly Blob[]
  /** Manifests by the number of their blob. */
  manifests: ReadonlyMap<number, Manifest>
  repositories: readonly Repository[]
  /** The time of the last pull by `REPOSITORY REFERENCE`, from nginx’s logs. */
  pulls: ReadonlyMap<string, number>
  /** The time since which pulls are known; 0 if all of them are. */
  pullsSince: number
}

export interface Blob {
  digest: string
  /** -1 if something refers to it but it is missing. */
  bytes: number
  /** Whether it was written or read so recently that a push in progress may rely on it. */
  fresh: boolean
  /** Whether it is too large to be collected, which happens in a bucket only. */
  large: boolean
}

export interface Manifest {
  /** Numbers of what it refers to: layers, a configuration, or other manifests. */
  refers: readonly number[]
  /** The number of the manifest that it belongs to, as a signature belongs to its image. */
  subject: number | undefined
  /** Whether it is a list of other manifests, such as one for each platform. */
  list: boolean
}

export interface Repository {
  name: string
  tags: Tag[]
  /** Manifests that can be pulled from here by digest. */
  revisions: Revision[]
}

export interface Tag {
  name: string
  /** Number of the manifest. */
  manifest: number
  /** When it was pushed last. */
  pushed: number
  /** When it was last read, as far as the disk knows. */
  asked: number
}

interface Revision {
  manifest: number
  pushed: number
  asked: number
  /** When a tag last moved away from it; 0 if none ever did. */
  left: number
}

/** Characters that names may have, as in the registry itself. */
const maxRepository = 255
const maxTag = 128

/** Reads the lines of `store.pl look`, and of the logs. Throws if they are incomplete, or not as the program would print them. */
export function parseInventory(text: string): Inventory {
  const blobs: Blob[] = []
  const manifests = new Map<number, Manifest>()
  const repositories: Repository[] = []
  const names = new Set<string>()
  const pulls = new Map<string, number>()
  const numbers = { time: 0, aside: -1, logs: 0, size: 0, free: 0 }
  let isTimed = true
  for (const line of text.split('\n')) {
    const [kind, ...words] = line.split(' ')
    const [first = '', second = '', third = '', fourth = ''] = words
    const current = repositories.at(-1)
    if (kind === 'blob')
      blobs.push({
        ...{ digest: digest(first), bytes: amount(second) },
        ...{ fresh: third === '1', large: third === 'large' },
      })
    else if (kind === 'manifest') {
      manifests.set(amount(first), {
        subject: second === '-' ? undefined : amount(second),
        list: third === '1',
        refers: fourth === '' ? [] : fourth.split(',').map(amount),
      })
    } else if (kind === 'repository') {
      // Somebody else’s, made up to look like this one.
      if (names.has(first)) throw unreadable(first)
      names.add(first)
      repositories.push({ name: named(first, maxRepository), tags: [], revisions: [] })
    } else if (kind === 'tag')
      current?.tags.push({
        name: named(first, maxTag),
        manifest: amount(second),
        pushed: seconds(third),
        asked: seconds(fourth),
      })
    else if (kind === 'revision')
      current?.revisions.push({
        manifest: amount(first),
        pushed: seconds(second),
        asked: seconds(third),
        left: seconds(fourth),
      })
    else if (kind === 'pull') {
      // Several servers may report the same image.
      const name = `${first} ${second}`
      pulls.set(name, Math.max(seconds(third), pulls.get(name) ?? 0))
    } else if (kind === 'noatime') isTimed = false
    else if (kind === 'error') throw refused(words.join(' '))
    else if (kind === 'disk') [numbers.size, numbers.free] = [amount(first), amount(second)]
    // All of the logs together only cover the time of the shortest one.
    else if (kind === 'logs') numbers.logs = Math.max(numbers.logs, amount(first))
    else if (kind === 'time' || kind === 'aside') numbers[kind] = amount(first)
  }
  // This line comes last.
  if (numbers.aside < 0)
    throw new Failure('connectionLost', 'the server’s list of images was cut off; run the workflow again')
  const { time, aside, logs, size, free } = numbers
  return {
    ...{ time, aside, blobs, manifests, repositories, pulls },
    ...{ disk: { bytes: size, free }, pullsSince: isTimed ? 0 : logs },
  }
}

function amount(text: string): number {
  return matching(text, /^-?\d{1,15}$/)
}

/** Seconds since 1970, with a fraction if it is a tag’s. */
function seconds(text: string): number {
  return matching(text, /^\d{1,11}(\.\d{1,9})?$/)
}

function digest(text: string): string {
  if (!/^[a-z0-9]+:[0-9a-f]+$/.test(text)) throw unreadable(text)
  return text
}

function matching(text: string, form: RegExp): number {
  if (!form.test(text)) throw unreadable(text)
  return Number(text)
}

function named(text: string, characters: number): string {
  if (text.length === 0 || text.length > characters) throw unreadable(text)
  return text
}

function unreadable(text: string): Failure {
  return new Failure(
    'keep',
    `the server’s list of images has \`${text.slice(0, 40)}\` where there can be no such thing, so nothing was deleted; look at the folders in \`data/docker/registry/v2\` there`,
  )
}

/** What is wrong with a bucket is told with what to do. */
function refused(words: string): Failure {
  const sentence = `the server can’t tell which images it has: ${words}`
  return words.startsWith('the bucket ')
    ? new Failure('bucket', sentence)
    : new Failure('keep', `${sentence}; fix that and run again`)
}
