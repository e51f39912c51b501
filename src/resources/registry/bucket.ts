import { parse } from 'yaml'
import type { Desired } from '../../desired.ts'
import { isObject } from '../../json.ts'
import type { ServerFile } from '../../server/facts.ts'
import { library } from '../../shell.ts'
import { change, type Step } from '../resource.ts'
import { configOf, type Wanted } from './config.ts'

/** How to reach the bucket in which a registry keeps its images, as `s3.py` reads it. */
export interface BucketAccess {
  bucket: string
  /** What all keys begin with: empty, or a path that ends with a slash. */
  folder: string
  region: string
  endpoint: string | undefined
  accessKey: string
  secretKey: string
  pathStyle: boolean
  skipVerify: boolean
  /** Whether objects are to be encrypted by the storage; with the key of this id, or with one of its own. */
  encrypt: boolean
  keyId: string | undefined
  storageClass: string | undefined
}

/** The bucket of a wanted registry; `undefined` if it has none over S3, or one whose key is not in the configuration. */
export function bucketOf(desired: Wanted): BucketAccess | undefined {
  return bucketIn(configOf(desired))
}

/** The bucket that a config.yml names, with the key for it. */
function bucketIn(config: Record<string, unknown>): BucketAccess | undefined {
  const access = accessIn(config)
  return access.bucket === '' || access.accessKey === '' || access.secretKey === '' ? undefined : access
}

/** What a config.yml says of a bucket; all is empty if it says nothing. */
function accessIn({ storage }: Record<string, unknown>): BucketAccess {
  const s3 = isObject(storage) && isObject(storage.s3) ? storage.s3 : {}
  const text = (key: string) => (s3[key] === undefined || s3[key] === null ? '' : String(s3[key]))
  const endpoint = text('regionendpoint')
  const scheme = /^https?:/.test(endpoint) ? '' : `${text('secure') === 'false' ? 'http' : 'https'}://`
  const folder = text('rootdirectory').replace(/^\/+|\/+$/g, '')
  return {
    bucket: text('bucket'),
    folder: folder === '' ? '' : `${folder}/`,
    region: text('region'),
    endpoint: endpoint === '' ? undefined : scheme + endpoint,
    accessKey: text('accesskey'),
    secretKey: text('secretkey'),
    pathStyle: endpoint !== '' || text('forcepathstyle') === 'true',
    skipVerify: text('skipverify') === 'true',
    encrypt: text('encrypt') === 'true',
    keyId: text('keyid') || undefined,
    // The registry knows them in any case. With NONE it names none.
    storageClass:
      text('storageclass')
        .toUpperCase()
        .replace(/^NONE$/, '') || undefined,
  }
}

/**
 * A trial of the bucket before anything is changed. None if the present registry reaches it in the same way, because that was tried
 * already; but if it does not answer, the trial says why.
 */
export function bucketTrial(
  desired: Desired,
  seen: { generation: string; config: ServerFile | undefined; silent: boolean },
): Step[] {
  const wanted = bucketOf(desired)
  const before = wanted && configIn(seen.config)
  const same = before !== undefined && JSON.stringify(bucketIn(before)) === JSON.stringify(wanted)
  if (wanted === undefined || (same && !seen.silent)) return []
  const { bucket, endpoint = 'AWS' } = wanted
  const place = `the bucket ${bucket} at ${endpoint}`
  return [
    {
      resource: 'registry',
      changes: change(
        seen.generation !== '',
        same
          ? `try ${place}, which does not answer the registry`
          : `keep images in ${place}, after a round trip there`,
      ),
      call: ['bucket_check', library('bucket/s3.py') + library('bucket/check.py'), JSON.stringify(wanted)],
      // Before anything else is changed. Python comes with certbot.
      after: 'packages',
    },
  ]
}

/** Whether a step is such a trial. */
export function isTrial({ call: [name] }: Step): boolean {
  return name === 'bucket_check'
}

/** Whether the registry that `config` sets up has its images in another place. A new key for the same place moves nothing. */
export function movesImages(desired: Desired, config: ServerFile | undefined): boolean {
  const before = configIn(config)
  return before !== undefined && whereIn(before) !== whereIn(configOf(desired))
}

/** Where the registry with such a config.yml keeps its images, in words. The same words are the same place. */
export function whereIn(config: Record<string, unknown>): string {
  const storage = isObject(config.storage) ? config.storage : {}
  if (isObject(storage.s3)) {
    const { bucket, folder, endpoint = 'AWS' } = accessIn(config)
    return `in the bucket ${bucket} at ${endpoint}${folder === '' ? '' : `, in ${folder}`}`
  }
  const { filesystem } = storage
  if (isObject(filesystem)) {
    const { rootdirectory = '/var/lib/registry' } = filesystem
    return `on the server’s disk${rootdirectory === '/var/lib/registry' ? '' : `, in ${rootdirectory}`}`
  }
  const [driver = 'no storage'] = Object.keys(storage).filter(key => !besides.includes(key))
  const settings = isObject(storage[driver]) ? storage[driver] : {}
  const named = places.flatMap(key => (settings[key] === undefined ? [] : [`${key} ${settings[key]}`]))
  return `in ${[driver, ...named].join(', ')}`
}

/** What a configuration has below `storage` besides the driver. */
const besides = ['cache', 'delete', 'maintenance', 'redirect', 'tag']

/** The settings of the other drivers that say where images are. */
const places = [
  'accountname',
  'authurl',
  'bucket',
  'container',
  'endpoint',
  'realm',
  'region',
  'rootdirectory',
]

/** The content of a config.yml; `undefined` if there is none, or if somebody has made it something else than YAML. */
export function configIn(file: Pick<ServerFile, 'content'> | undefined): Record<string, unknown> | undefined {
  try {
    const config: unknown = file && parse(file.content)
    return isObject(config) ? config : undefined
  } catch {
    // The message would show the lines around the mistake, and with them the key.
    return undefined
  }
}
