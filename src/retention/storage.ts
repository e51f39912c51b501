import { type Desired, onDisk } from '../desired.ts'
import { Failure } from '../failure.ts'
import { type BucketAccess, bucketOf, configIn, whereIn } from '../resources/registry/bucket.ts'
import { cacheIn, cacheOf, configOf, rootOf } from '../resources/registry/config.ts'
import { type Call, library } from '../shell.ts'

/** Where a registry keeps its images: the calls by which a server looks and collects there. */
export interface Storage {
  /** Prints the inventory. `pulls` is the program that reads pulls from nginx’s logs, or nothing. */
  look(pulls: readonly string[]): Call
  /** `orders` says what goes; only `collect` needs them. `settle` has no calls where there is nothing more to hear of. */
  run(command: Command, orders: string): Call[]
}

/** What is done to the images that are there. */
export type Command = 'collect' | 'undo' | 'settle'

/**
 * The disk or the bucket of a registry. `grace` is in seconds. Throws if images are where Berth can’t delete any, or if the
 * registry would go on to claim those that are gone.
 */
export function storageOf(desired: Desired, grace: number): Storage {
  const bucket = bucketOf(desired)
  refuse(desired, bucket)
  return bucket === undefined ? disk(desired, grace) : bucketStorage(desired, bucket, grace)
}

function refuse(desired: Desired, bucket: BucketAccess | undefined): void {
  if (!onDisk(desired) && bucket === undefined)
    throw new Failure(
      'keep',
      '`keep` and mode `clean` are for images on the server’s disk or in a bucket that its configuration has the key for (`s3-bucket`), but `registry-config` keeps them elsewhere; delete them with the tools of that storage',
    )
  if (onDisk(desired) && rootOf(desired) !== '/var/lib/registry')
    throw new Failure(
      'keep',
      '`registry-config` moves the registry’s `rootdirectory` to where `clean` does not look; omit it, and set `directory` instead',
    )
  const cache = cacheOf(desired)
  if (cache !== undefined && (cache !== 'inmemory' || !onDisk(desired)))
    throw new Failure(
      'keep',
      `\`registry-config\` has a cache in ${cache}, which would go on to claim layers that are gone; omit \`storage.cache\``,
    )
}

/**
 * Throws if the registry that serves, with this config.yml, keeps its images elsewhere than `desired` says, or has a cache of which
 * `desired` says nothing. What is cleaned would be a copy that nobody uses any more, or the registry would go on to claim what is gone.
 */
export function compareServed(desired: Desired, content: string): void {
  const served = configIn({ content })
  const remedy =
    'give `clean`, and `plan` with `keep`, the same `s3-*` inputs and `registry-config` as `up`, or run `up` first'
  if (served === undefined)
    throw new Failure(
      'keep',
      'somebody has made the config.yml of the registry on the server something else than YAML, so it can’t be told where it keeps its images; run mode `up`, which writes it anew',
    )
  const [seen, wanted] = [whereIn(served), whereIn(configOf(desired))]
  if (seen !== wanted)
    throw new Failure(
      'keep',
      `the registry on the server has its images ${seen}, and the inputs of this run say ${wanted}; ${remedy}`,
    )
  const cache = cacheIn(served)
  if (cache !== undefined && cache !== cacheOf(desired))
    throw new Failure(
      'keep',
      `the registry on the server has a cache in ${cache}, of which the inputs of this run say nothing, and would go on to claim layers that are gone; ${remedy}`,
    )
}

function disk(desired: Desired, grace: number): Storage {
  const { directory, domain } = desired
  const program = library('retention/store.pl')
  return {
    look: pulls => ['retention_look', directory, domain, `${grace}`, program, ...pulls],
    run: (command, orders) =>
      // The disk itself tells what was asked for, until the very end.
      command === 'settle'
        ? []
        : [
            ['retention_run', command, directory, `${grace}`, program, orders],
            // A cache knows nothing of what was deleted.
            ...(cacheOf(desired) === undefined
              ? []
              : ([
                  ['retention_restart', directory, domain],
                  ['retention_settle', directory, `${grace}`, program],
                ] as const)),
          ],
  }
}

/** The settings have the bucket’s key, so only a shell function may get them: nobody else sees its arguments. */
function bucketStorage({ directory, domain }: Desired, bucket: BucketAccess, grace: number): Storage {
  const program = library('bucket/s3.py') + library('retention/bucket.py')
  const settings = (command: string) => JSON.stringify({ ...bucket, grace, command })
  return {
    look: pulls => ['retention_look_bucket', directory, domain, settings('look'), program, ...pulls],
    run: (command, orders) => [['retention_run_bucket', domain, settings(command), program, orders]],
  }
}
