import { Failure } from '../failure.ts'
import type { Retention } from './retention.ts'
import { Taken } from './turn.ts'

/** What `store.pl collect` or `undo` did. */
export interface Collected {
  /** Tags that were pushed again after the plan was made. They stay. */
  changed: { repository: string; tag: string }[]
  /** Bytes and blobs that were set aside. */
  moved: number
  blobs: number
  /** Bytes of earlier runs that were deleted. */
  freed: number
  /** What `undo` put back: tags as `REPOSITORY:TAG`. */
  restored: { tags: string[]; blobs: number }
}

/** What the server is told to set aside, as `store.pl collect` reads it. */
export function orders({ repositories, manifests, time }: Retention): string {
  return [
    `planned ${time}\n`,
    ...repositories.flatMap(({ name, goes }) =>
      goes.map(({ tag, digest, pushed }) => `tag ${name} ${tag} ${digest} ${Math.floor(pushed)}\n`),
    ),
    ...manifests.map(
      ({ repository, digest, pushed }) => `manifest ${repository} ${digest} ${Math.floor(pushed)}\n`,
    ),
  ].join('')
}

/** Reads the output of the program. Throws if it failed or did not finish, and `Taken` if another run is at work in the bucket. */
export function parseCollected(text: string): Collected {
  const collected: Collected = {
    ...{ changed: [], moved: 0, blobs: 0, freed: 0 },
    restored: { tags: [], blobs: 0 },
  }
  let isWhole = false
  for (const line of text.split('\n')) {
    const [kind, first = '', second = ''] = line.split(' ')
    if (kind === 'changed') collected.changed.push({ repository: first, tag: second })
    else if (kind === 'moved') [collected.moved, collected.blobs] = [Number(first), Number(second)]
    else if (kind === 'freed') collected.freed = Number(first)
    else if (kind === 'back') collected.restored.tags.push(`${first}:${second}`)
    else if (kind === 'restored') {
      if (second !== '') collected.restored.blobs = Number(second)
      isWhole = true
    } else if (kind === 'nothing') isWhole = true
    else if (kind === 'busy') throw new Taken(first, Number(second))
    else if (kind === 'error') {
      const words = line.slice('error '.length)
      // What is wrong with a bucket is told with what to do.
      throw words.startsWith('the bucket ')
        ? new Failure('bucket', `the server could not collect garbage: ${words}, which continues from there`)
        : new Failure(
            'keep',
            `the server could not collect garbage: ${words}; fix that and run again, which continues from there`,
          )
    }
  }
  if (!isWhole)
    throw new Failure(
      'connectionLost',
      'collecting garbage was cut off; run the workflow again, which continues from there',
    )
  return collected
}
