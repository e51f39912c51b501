import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import type { Desired } from '../desired.ts'
import type { ServerFile } from '../facts.ts'
import type { Resource } from '../resource.ts'

interface Registry {
  compose: ServerFile | undefined
  config: ServerFile | undefined
  /** Whether the server has its own `http.secret` already. */
  secret: boolean
  /** As Docker says it (`running`, `exited`, …); `absent` if there is no such container. */
  status: string
  /** The `berth.config` label: which files the container was made from. */
  label: string
}

/** The registry's container, the two files it is made from, and its data. */
export const registry: Resource<Registry> = {
  name: 'registry',

  probe: ({ domain, directory }) => [['registry_probe', directory, container(domain)]],

  read(facts) {
    const [status = '', label = ''] = facts.get('registry.container').split(' ')
    return {
      compose: facts.file('registry.compose'),
      config: facts.file('registry.config'),
      secret: facts.is('registry.secret'),
      status,
      label,
    }
  },

  plan(desired, seen) {
    const config = configYaml(desired)
    const compose = composeYaml(desired, config)
    const reasons = [
      seen.compose?.content !== compose && 'compose.yaml',
      seen.config?.content !== config && 'config.yml',
      !seen.secret && 'secret.env',
      seen.status !== 'running' && (seen.status === 'absent' ? 'no container' : `container ${seen.status}`),
      seen.status !== 'absent' &&
        seen.label !== fingerprint(desired, config) &&
        'container made from other files',
    ].filter(reason => reason !== false)
    if (reasons.length === 0) return []
    const { directory, domain, registry } = desired
    const exists = seen.status !== 'absent'
    return [
      {
        resource: 'registry',
        changes: [
          {
            action: exists ? 'update' : 'create',
            summary: exists
              ? `${registry.image}: ${reasons.join(', ')}`
              : `start ${registry.image} on port ${registry.port}`,
          },
        ],
        call: ['registry_up', directory, container(domain), registry.image, compose, config],
      },
    ]
  },
}

/** Named after the domain, so that one server can hold several registries and `docker ps` tells whose it is. */
function container(domain: string): string {
  return `berth-${domain.replaceAll('.', '-')}`
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

/** The compose file, in words that docker-compose 1.29 and compose 2 both read. */
function composeYaml(desired: Desired, config: string): string {
  const { directory, domain, registry, users } = desired
  const service = {
    image: registry.image,
    container_name: container(domain),
    // The path as the command works with the images of 2.8 and 3.x alike, wherever each has its own default.
    command: ['/etc/berth/config.yml'],
    restart: 'always',
    ports: [`127.0.0.1:${registry.port}:5000`],
    env_file: [`${directory}/secret.env`],
    environment: { OTEL_TRACES_EXPORTER: 'none' },
    volumes: [
      `${directory}/config.yml:/etc/berth/config.yml:ro`,
      ...(users ? [`${directory}/auth:/auth:ro`] : []),
      `${directory}/data:/var/lib/registry`,
    ],
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    read_only: true,
    tmpfs: ['/tmp'],
    logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    labels: { 'berth.config': fingerprint(desired, config) },
  }
  return `# Written by Berth, which undoes changes made here.\n${stringify({ services: { registry: service } }, { lineWidth: 0 })}`
}

// compose makes the container anew when a label changes; so it does when the content of config.yml does.
function fingerprint({ directory, registry, users }: Desired, config: string): string {
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
