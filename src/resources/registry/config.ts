import { stringify } from 'yaml'
import { type Desired, ownAuth } from '../../desired.ts'
import { isObject } from '../../json.ts'

type Wanted = Pick<Desired, 'registry'>

/** Minutes in which a registry that is being replaced may finish what it has begun: as long as nginx waits. */
const drainTimeout = '15m'

/** config.yml: what Berth needs, with the user's `registry-config` merged over it. */
export function configYaml(desired: Wanted): string {
  return stringify(config(desired), { lineWidth: 0 })
}

function config({ registry }: Wanted): Record<string, unknown> {
  const base = {
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: '/var/lib/registry' },
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
    },
    http: {
      net: 'unix',
      // Each generation has a socket of its own, which its environment names.
      addr: '/run/berth/registry.sock',
      // Uploads go on at a path, not at a URL that a proxy could have got wrong.
      relativeurls: true,
      draintimeout: drainTimeout,
    },
    health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
  }
  return merge(base, registry.config)
}

/** Whether images are kept on the server's disk, and not in an object storage that `registry-config` names. */
export function onDisk(desired: Wanted): boolean {
  const { storage } = config(desired)
  return isObject(storage) && storage.filesystem !== undefined
}

/** What of a configuration makes the registry speak to others. */
const talkative = ['middleware', 'notifications', 'proxy', 'redis', 'reporting']

/** Whether the registry has anybody to speak to but nginx. */
export function needsNetwork(desired: Wanted): boolean {
  const whole = config(desired)
  const hooks = isObject(whole.log) && whole.log.hooks !== undefined
  return !onDisk(desired) || hooks || ownAuth(desired) || talkative.some(key => whole[key] !== undefined)
}

/** Maps are merged, key by key; anything else is replaced; `null` takes a key away. */
export function merge(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isObject(below) && isObject(value) ? merge(below, value) : value
  }
  return merged
}
