import { type Desired, onDisk } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { ServerFile, Unit } from '../../server/facts.ts'
import { library, line, notice } from '../../shell.ts'
import { account, prefix } from '../names.ts'
import { change, fileChanges, resource } from '../resource.ts'

interface Guard {
  script: ServerFile | undefined
  unit: ServerFile | undefined
  /** Whether it runs, and will after a reboot. */
  guarding: boolean
  /** How much is free on the data's disk, as `room` says it; empty if there is plenty. */
  room: string
  /** Whether the registry’s storage does not answer at the moment. */
  silent: boolean
}

/**
 * A service that has nginx refuse uploads while the disk is nearly full. Where images are in object storage, it has nginx refuse all
 * requests while the storage does not answer.
 */
export const guard = resource<Guard>({
  name: 'guard',

  units: ({ domain }) => [`${unit(domain)}.service`],

  probe: ({ domain, directory }) => [['guard_probe', unit(domain), directory]],

  read: (facts, { domain }) => ({
    script: facts.file('guard.script'),
    unit: facts.file('guard.unit'),
    guarding: isGuarding(facts.unit(`${unit(domain)}.service`)),
    room: facts.get('guard.room'),
    silent: facts.is('guard.silent'),
  }),

  warnings: (desired, { room, silent }) => {
    const instead = desired.shared ? 'this server asks the others' : 'clients get 503'
    if (!onDisk(desired))
      return silent
        ? [
            new Failure(
              'bucket',
              `the object storage does not answer the registry, so ${instead}; check the storage and the server’s connection to it; service resumes by itself as soon as it answers`,
            ),
          ]
        : []
    return room === ''
      ? []
      : [
          new Failure(
            'diskFull',
            `the disk is nearly full, ${room}; delete what is not needed or enlarge the disk: uploads are refused when less than a tenth or 2 GiB is left, whichever is smaller`,
          ),
        ]
  },

  steps(desired, seen) {
    const { domain, directory } = desired
    const script = guardScript(desired)
    const service = serviceUnit(desired)
    const changes = [
      ...fileChanges(`${directory}/guard.sh`, seen.script, script, '644'),
      ...fileChanges(`${unit(domain)}.service`, seen.unit, service, '644'),
      ...(seen.unit && !seen.guarding ? change(true, `start ${unit(domain)}`) : []),
    ]
    if (changes.length === 0) return []
    return [{ resource: 'guard', changes, call: ['guard_up', unit(domain), directory, script, service] }]
  },

  removal: ({ domain, directory }, seen) =>
    seen.unit === undefined
      ? []
      : [
          {
            resource: 'guard',
            changes: [{ action: 'delete', summary: `${unit(domain)}.service` }],
            call: ['guard_down', unit(domain), directory],
          },
        ],
})

/**
 * What belongs in the server, with other servers beside it: the upstream to ask, which is the way to the others while the storage does not
 * answer here. It is not in the location, where `if` does more than it seems to.
 */
export function guardServer(desired: Pick<Desired, 'domain' | 'registry'>, peers: boolean): string {
  if (!hasDetour(desired, peers)) return ''
  const id = prefix(desired.domain)
  return `
    # The object storage does not answer here, says berth-guard. It may answer elsewhere.
    set $${id}_way ${id};
    if (-f ${silentFlag(desired.domain)}) { set $${id}_way $${id}_detour; }
`
}

/** The upstream to ask, as `proxy_pass` has it. */
export function guardWay(desired: Pick<Desired, 'domain' | 'registry'>, peers: boolean): string {
  const id = prefix(desired.domain)
  return hasDetour(desired, peers) ? `$${id}_way` : id
}

function hasDetour(desired: Pick<Desired, 'registry'>, peers: boolean): boolean {
  return peers && !onDisk(desired)
}

/** What belongs before the site's servers: the file by which the guard stops a request, for requests that need room. */
export function guardMaps({ domain }: Pick<Desired, 'domain'>): string {
  const uploads = ['POST', 'PUT', 'PATCH'].map(method => `    ${method} ${fullFlag(domain)};\n`).join('')
  return `map $request_method $${prefix(domain)}_full {
    default "";
${uploads}}
`
}

/**
 * What belongs in the location that proxies. Docker shows the text of a 403 and does not try again; of a 507 it shows only the
 * number.
 */
export function guardLocation(desired: Pick<Desired, 'domain' | 'registry'>, peers: boolean): string {
  const { domain } = desired
  const silent = hasDetour(desired, peers) ? `$${prefix(domain)}_way = ""` : `-f ${silentFlag(domain)}`
  if (!onDisk(desired))
    return `
        # The object storage does not answer, says berth-guard: so that nobody waits for it in vain.
        if (${silent}) { return 503 '{"errors":[{"code":"UNAVAILABLE","message":"the object storage of this registry does not answer; try again in a minute"}]}'; }
`
  return `
        # The disk is nearly full, says berth-guard.
        if (-f $${prefix(domain)}_full) { return 403 '{"errors":[{"code":"DENIED","message":"no space left: the disk of this registry is nearly full, so nothing can be pushed until something is deleted"}]}'; }
`
}

function isGuarding({ active, enabled }: Unit): boolean {
  return active && enabled
}

function unit(domain: string): string {
  return `berth-guard-${domain}`
}

export function fullFlag(domain: string): string {
  return `/run/${unit(domain)}/full`
}

function silentFlag(domain: string): string {
  return `/run/${unit(domain)}/silent`
}

function guardScript(desired: Desired): string {
  const { domain, directory } = desired
  const start = `#!/bin/sh\n${notice}\n${library('resources/guard/guard')}\n`
  if (!onDisk(desired))
    return `${start}${line(['guard_storage', silentFlag(domain), `${directory}/registry.sock`])}\n`
  const call = ['guard', fullFlag(domain), domain] as const
  const store = `store=$(\n  cat <<'END_OF_STORE'\n${library('retention/store.pl')}\nEND_OF_STORE\n)\n`
  return `${start}${store}${line([...call, `${directory}/data`, account])} "$store"\n`
}

/** It needs to be root for Docker. Of root's powers it needs one, to read the data or to connect to the registry's socket. */
function serviceUnit(desired: Desired): string {
  const { domain, directory } = desired
  const power = onDisk(desired) ? 'CAP_DAC_READ_SEARCH' : 'CAP_DAC_OVERRIDE'
  return `${notice}
[Unit]
Description=Guards the disk of the registry ${domain}
After=docker.service
PartOf=docker.service

[Service]
ExecStart=/bin/sh ${directory}/guard.sh
Environment=LC_ALL=C DOCKER_CONTEXT=default
RuntimeDirectory=${unit(domain)}
Restart=always
RestartSec=5
NoNewPrivileges=yes
CapabilityBoundingSet=${power}
ProtectSystem=strict
ReadWritePaths=/run
PrivateTmp=yes

[Install]
WantedBy=multi-user.target docker.service
`
}
