import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { ServerFile, Unit } from '../../server/facts.ts'
import { library, line, notice } from '../../shell.ts'
import { prefix } from '../names.ts'
import { onDisk } from '../registry/config.ts'
import { change, fileChanges, resource } from '../resource.ts'

interface Guard {
  script: ServerFile | undefined
  unit: ServerFile | undefined
  /** Whether it runs, and will after a reboot. */
  guarding: boolean
  /** How much is free on the data's disk, in words; empty if that is plenty. */
  room: string
}

/** A service that has nginx refuse uploads while the disk is nearly full. */
export const guard = resource<Guard>({
  name: 'guard',

  units: ({ domain }) => [`${unit(domain)}.service`],

  probe: ({ domain, directory }) => [['guard_probe', unit(domain), directory]],

  read: (facts, { domain }) => ({
    script: facts.file('guard.script'),
    unit: facts.file('guard.unit'),
    guarding: isGuarding(facts.unit(`${unit(domain)}.service`)),
    room: facts.get('guard.room'),
  }),

  warnings: (desired, { room }) =>
    room === '' || !onDisk(desired)
      ? []
      : [
          new Failure(
            'diskFull',
            `the disk is nearly full, ${room}; delete what is not needed or enlarge it, for uploads are refused when less than a tenth or 2 GiB is left, whichever is smaller`,
          ),
        ],

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

/** What belongs before the site's servers: where to look for the guard's word, for requests that take room. */
export function guardMaps({ domain }: Pick<Desired, 'domain'>): string {
  const uploads = ['POST', 'PUT', 'PATCH'].map(method => `    ${method} ${flag(domain)};\n`).join('')
  return `map $request_method $${prefix(domain)}_full {
    default "";
${uploads}}
`
}

/**
 * What belongs in the location that proxies. Docker shows a 403's words and does not try again, of a 507 it shows the
 * number only.
 */
export function guardLocation({ domain }: Pick<Desired, 'domain'>): string {
  return `
        # The disk is nearly full, says berth-guard.
        open_file_cache off;
        if (-f $${prefix(domain)}_full) { return 403 '{"errors":[{"code":"DENIED","message":"no space left: the disk of this registry is nearly full, so nothing can be pushed until something is deleted"}]}'; }
`
}

function isGuarding({ active, enabled }: Unit): boolean {
  return active && enabled
}

function unit(domain: string): string {
  return `berth-guard-${domain}`
}

function flag(domain: string): string {
  return `/run/${unit(domain)}/full`
}

function guardScript(desired: Desired): string {
  const { domain, directory } = desired
  const data = onDisk(desired) ? [`${directory}/data`] : []
  const call = line(['guard', flag(domain), domain, ...data])
  return `#!/bin/sh\n${notice}\n${library('resources/guard/guard')}\n${call}\n`
}

/** It needs root to speak to Docker, and of root's powers no other. */
function serviceUnit({ domain, directory }: Desired): string {
  return `${notice}
[Unit]
Description=Guards the disk of the registry ${domain}
After=docker.service
PartOf=docker.service

[Service]
ExecStart=/bin/sh ${directory}/guard.sh
Environment=LC_ALL=C
RuntimeDirectory=${unit(domain)}
Restart=always
RestartSec=5
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
ProtectSystem=strict
ReadWritePaths=/run
PrivateTmp=yes

[Install]
WantedBy=multi-user.target docker.service
`
}
