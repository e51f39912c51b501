import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import type { Desired } from '../../desired.ts'

/** The two files that the registry's container is made from, and the names that belong to it. */

/**
 * Who the registry is on the server: a number without a name, in which the files it reads and the images are its own.
 * systemd's table of UIDs leaves 65520…65533 to nobody, and distroless images use this one for the same.
 */
export const account = '65532:65532'

/**
 * What a registry that goes wrong may take from the machine; far above what a busy one needs. Layers go through it in
 * pieces of 32 KiB, but a driver for object storage keeps pieces of 10 MiB for each upload.
 */
const limits = {
  /** Bytes, in Docker's units: beyond it the kernel kills the registry, and Docker starts it again. */
  memory: '1g',
  /** In Go's units: from here on it rather collects garbage than grows. */
  heap: '768MiB',
  /** Each file that a slow disk keeps waiting holds a thread; a registry without load has about ten. */
  threads: 2048,
  /** Memory too; no driver writes there, but a user's configuration may. */
  tmp: '64m',
} as const

/** Named after the domain, so that one server can hold several registries and `docker ps` tells whose it is. */
export function container(domain: string): string {
  return `berth-${domain.replaceAll('.', '-')}`
}

/** The name of its network's bridge; the kernel allows 15 characters. */
export function bridge(domain: string): string {
  return `berth-${createHash('sha256').update(domain).digest('hex').slice(0, 8)}`
}

/** Whether images are kept on the server's disk, and not in an object storage that `registry-config` names. */
export function onDisk({ registry }: Pick<Desired, 'registry'>): boolean {
  const { storage } = merge({ storage: { filesystem: {} } }, registry.config)
  return isMap(storage) && storage.filesystem !== undefined
}

/** config.yml: what Berth needs, with the user's `registry-config` merged over it. */
export function configYaml({ users, registry }: Pick<Desired, 'users' | 'registry'>): string {
  return stringify(
    merge(
      {
        version: 0.1,
        log: { level: 'info', accesslog: { disabled: true } },
        storage: {
          filesystem: { rootdirectory: '/var/lib/registry' },
          cache: { blobdescriptor: 'inmemory' },
          delete: { enabled: true },
        },
        http: {
          addr: ':5000',
          // Uploads go on at a path, not at a URL that a proxy could have got wrong.
          relativeurls: true,
          headers: { 'X-Content-Type-Options': ['nosniff'] },
        },
        ...(users && { auth: { htpasswd: { realm: 'Registry', path: '/auth/htpasswd' } } }),
        health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
      },
      registry.config,
    ),
    { lineWidth: 0 },
  )
}

/** compose.yaml, in words that docker-compose 1.29 and compose 2 both read. */
export function composeYaml(desired: Desired, config: string): string {
  const { directory, domain, registry, users } = desired
  const service = {
    image: registry.image,
    container_name: container(domain),
    user: account,
    // The path as the command works with the images of 2.8 and 3.x alike, wherever each has its own default.
    command: ['/etc/berth/config.yml'],
    restart: 'always',
    ports: [`127.0.0.1:${registry.port}:5000`],
    env_file: [`${directory}/secret.env`],
    environment: { OTEL_TRACES_EXPORTER: 'none', GOMEMLIMIT: limits.heap },
    volumes: [
      `${directory}/config.yml:/etc/berth/config.yml:ro`,
      ...(users ? [`${directory}/auth:/auth:ro`] : []),
      `${directory}/data:/var/lib/registry`,
    ],
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    read_only: true,
    tmpfs: [`/tmp:size=${limits.tmp}`],
    mem_limit: limits.memory,
    pids_limit: limits.threads,
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    labels: { 'berth.config': fingerprint(desired, config) },
  }
  const networks = { default: { driver_opts: { 'com.docker.network.bridge.name': bridge(domain) } } }
  return `# Written by Berth, which undoes changes made here.\n${stringify({ services: { registry: service }, networks }, { lineWidth: 0 })}`
}

// compose makes the container anew when a label changes; so it does when the content of config.yml does.
export function fingerprint({ directory, registry, users }: Desired, config: string): string {
  return createHash('sha256')
    .update(JSON.stringify([directory, registry.image, registry.port, users !== null, config]))
    .digest('hex')
    .slice(0, 16)
}

/** Maps are merged, key by key; anything else is replaced; `null` takes a key away. */
export function merge(base: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isMap(below) && isMap(value) ? merge(below, value) : value
  }
  return merged
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
