import { stringify } from 'yaml'
import { type Bucket, type Desired, onDisk, ownAuth } from '../../desired.ts'
import { isObject } from '../../json.ts'

export type Wanted = Pick<Desired, 'registry' | 'shared'>

/** How long a registry that is being replaced may take to finish its requests: as long as nginx waits for it. */
const drainTimeout = '15m'

export function configYaml(desired: Wanted): string {
  // The registry reads YAML 1.1, where `yes` is true and `1:30` is ninety unless they are quoted.
  return stringify(configOf(desired), { lineWidth: 0, compat: 'yaml-1.1' })
}

/** The content of config.yml: what Berth needs, with the user's `registry-config` merged over it. */
export function configOf({ registry, shared }: Wanted): Record<string, unknown> {
  const base = {
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      ...(registry.bucket
        ? { s3: s3(registry.bucket), redirect: { disable: !registry.bucket.redirect } }
        : { filesystem: { rootdirectory: '/var/lib/registry' } }),
      delete: { enabled: true },
    },
    http: {
      net: 'unix',
      // Each generation has its own socket, which its environment sets.
      addr: '/run/berth/registry.sock',
      // Uploads continue at a path, not at a URL, which a proxy could get wrong.
      relativeurls: true,
      draintimeout: drainTimeout,
      // With several servers, an upload may continue at any of them. A single server has its own secret, see secret.env.
      ...(shared && { secret: shared.secret }),
    },
    // Registry 3 would look for everything in an index among images, and never find the layers of a BuildKit cache there.
    validation: { manifests: { indexes: { platforms: 'none' } } },
    health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
  }
  return merge(base, registry.config)
}

/** Registry 2 and 3 have the same names for these, and ignore unknown ones. */
function s3({ name, folder, region, endpoint, accessKey, secretKey }: Bucket): Record<string, unknown> {
  return {
    ...{ region, bucket: name, accesskey: accessKey, secretkey: secretKey },
    // Only AWS has a DNS name for each bucket, but registry 3 expects one everywhere.
    ...(endpoint && { regionendpoint: endpoint, forcepathstyle: true }),
    ...(folder && { rootdirectory: folder }),
    chunksize,
  }
}

/** Bytes: the least that S3 accepts. Each upload has several chunks in memory, and larger ones are no faster. */
const chunksize = 5 * 1024 * 1024

/** The kind of the cache of layers’ descriptions, which outlives deleted layers; `undefined` unless `registry-config` has one. */
export function cacheOf(desired: Wanted): string | undefined {
  return cacheIn(configOf(desired))
}

/** The same of the content of a config.yml. */
export function cacheIn({ storage }: Record<string, unknown>): string | undefined {
  const cache = isObject(storage) && isObject(storage.cache) ? storage.cache : {}
  const kind = cache.blobdescriptor ?? cache.layerinfo
  return typeof kind === 'string' ? kind : undefined
}

/** The folder in the container where the registry keeps images; `undefined` if they are not on disk. */
export function rootOf(desired: Wanted): string | undefined {
  const { storage } = configOf(desired)
  const disk = isObject(storage) && isObject(storage.filesystem) ? storage.filesystem : {}
  return typeof disk.rootdirectory === 'string' ? disk.rootdirectory : undefined
}

/** Whether the configuration has what signs uploads in progress; otherwise it is in secret.env. */
export function hasSecret(desired: Wanted): boolean {
  const { http } = configOf(desired)
  return isObject(http) && http.secret !== undefined
}

/** Parts of a configuration that make the registry connect to others. */
const partsThatConnect = ['middleware', 'notifications', 'proxy', 'redis', 'reporting']

/** Whether the registry connects to anybody. */
export function needsNetwork(desired: Wanted): boolean {
  const whole = configOf(desired)
  const has = (part: unknown, ...keys: string[]) =>
    isObject(part) && keys.some(key => part[key] !== undefined)
  return (
    !onDisk(desired) ||
    ownAuth(desired) ||
    has(whole, ...partsThatConnect) ||
    has(whole.log, 'hooks') ||
    has(whole.health, 'http', 'tcp') ||
    // Others connect to it.
    has(whole.http, 'debug')
  )
}

/** Maps are merged, key by key; anything else is replaced; `null` removes a key. */
export function merge(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isObject(below) && isObject(value) ? merge(below, value) : value
  }
  return merged
}
