import type { Blob, Inventory, Manifest, Repository } from './inventory.ts'

/** Manifests, and what they need. */
export class Graph {
  readonly #blobs: readonly Blob[]
  readonly #manifests: ReadonlyMap<number, Manifest>
  readonly #numbers: ReadonlyMap<string, number>

  readonly #time: number
  readonly #grace: number

  constructor({ blobs, manifests, time }: Inventory, grace: number) {
    this.#time = time
    this.#grace = grace
    this.#blobs = blobs
    this.#manifests = manifests
    this.#numbers = new Map(blobs.map(({ digest }, number) => [digest, number]))
  }

  readonly blob = (number: number): Blob =>
    this.#blobs[number] ?? { digest: '', bytes: 0, fresh: false, large: false }

  digest(number: number): string {
    return this.blob(number).digest
  }

  subject(number: number): number | undefined {
    return this.#manifests.get(number)?.subject
  }

  isFresh(pushed: number): boolean {
    return this.#time - pushed < this.#grace
  }

  /** Whether somebody may be pulling it. Disks update the time of the last access only once a day, so the grace counts twice. */
  isAsked(asked: number): boolean {
    return this.#time - asked < 2 * this.#grace
  }

  isList(manifest: number): boolean {
    return this.#manifests.get(manifest)?.list ?? true
  }

  /** `undefined` if there is nothing with this digest, and nothing names it. */
  number(digest: string): number | undefined {
    return this.#numbers.get(digest)
  }

  /** Everything that manifests need, including themselves. */
  closure(manifests: readonly number[]): Set<number> {
    const reached = new Set<number>()
    this.extend(reached, manifests)
    return reached
  }

  /** Adds to a closure everything that more manifests need. Returns what is new in it. */
  extend(reached: Set<number>, manifests: readonly number[]): number[] {
    const added: number[] = []
    const queue = [...manifests]
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (reached.has(next)) continue
      reached.add(next)
      added.push(next)
      for (const each of this.#manifests.get(next)?.refers ?? []) queue.push(each)
    }
    return added
  }

  /** What a list names, such as an image for each platform; nothing if it is none. */
  listed(manifest: number): readonly number[] {
    const { list, refers = [] } = this.#manifests.get(manifest) ?? {}
    return list ? refers : []
  }

  /** Manifests that a repository’s lists name or that belong to another manifest. They stay or go with that. */
  partsOf({ revisions }: Repository): Set<number> {
    const parts = new Set<number>()
    for (const { manifest } of revisions) {
      for (const each of this.listed(manifest)) parts.add(each)
      if (this.subject(manifest) !== undefined) parts.add(manifest)
    }
    return parts
  }
}
