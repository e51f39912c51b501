import { createHash } from 'node:crypto'
import type { Desired } from '../../desired.ts'
import type { ServerFile, Unit } from '../../server/facts.ts'
import { asset, library, notice } from '../../shell.ts'
import { account } from '../names.ts'
import { type Change, change, fileChanges, resource, type Step } from '../resource.ts'
import { catalogSocket, pageFolder, source } from './place.ts'

interface Page {
  /** Its folder and what is in it, as `stat` and `sha256sum` print them; empty if there is none. */
  files: string
  /** Whether the service listens. */
  socket: boolean
  /** Whether nginx’s workers may connect to it. */
  reachable: boolean
  script: ServerFile | undefined
  unit: ServerFile | undefined
  /** Whether the service runs, and will after a reboot. */
  serving: boolean
}

const names = ['index.html', 'page.css', 'page.js'] as const

/** A page for people: three files, and a service that tells them which images there are. */
export const page = resource<Page>({
  name: 'page',

  units: ({ domain }) => [`${unit(domain)}.service`],

  probe: ({ domain, directory }) => [['page_probe', unit(domain), directory]],

  read: (facts, { domain }) => {
    const { active, enabled }: Unit = facts.unit(`${unit(domain)}.service`)
    return {
      files: facts.get('page.files'),
      socket: facts.is('page.socket'),
      reachable: ['', facts.get('site.group')].includes(facts.get('page.group')),
      script: facts.file('page.script'),
      unit: facts.file('page.unit'),
      serving: active && enabled,
    }
  },

  steps(desired, seen) {
    const { domain, directory } = desired
    // nginx needs it until the site has changed.
    if (!desired.page) return removal(desired, seen).map(step => ({ ...step, after: 'site' }))
    const steps: Step[] = []
    const wrong = [
      ...folderChange(directory, seen.files),
      ...names.flatMap(name => fileChange(directory, name, seen.files)),
    ]
    if (wrong.length > 0) {
      const contents = names.flatMap(name => [name, content(name)])
      steps.push({ resource: 'page', changes: wrong, call: ['page_write', directory, ...contents] })
    }
    const script = `#!/usr/bin/perl\n${notice}\n${library('resources/page/catalog.pl')}`
    const service = serviceUnit(desired)
    const changes = [
      ...fileChanges(`${directory}/catalog.pl`, seen.script, script, '644'),
      ...fileChanges(`${unit(domain)}.service`, seen.unit, service, '644'),
      ...(seen.unit && !(seen.serving && seen.socket) ? change(true, `start ${unit(domain)}.service`) : []),
      ...(seen.unit && !seen.reachable
        ? change(true, `restart ${unit(domain)}.service, which nginx can’t reach`)
        : []),
    ]
    if (changes.length > 0) {
      steps.push({
        resource: 'page',
        changes,
        call: ['page_serve', unit(domain), directory, script, service],
      })
    }
    return steps
  },

  removal,
})

function removal({ domain, directory }: Desired, seen: Page): Step[] {
  const changes: Change[] = [
    ...(seen.unit ? [{ action: 'delete' as const, summary: `${unit(domain)}.service` }] : []),
    ...(seen.script ? [{ action: 'delete' as const, summary: `${directory}/catalog.pl` }] : []),
    ...(seen.files ? [{ action: 'delete' as const, summary: pageFolder(directory) }] : []),
  ]
  if (changes.length === 0) return []
  return [{ resource: 'page', changes, call: ['page_remove', unit(domain), directory] }]
}

/** Whoever may write to the folder may put other files in place of these. One that is missing comes with its files. */
function folderChange(directory: string, seen: string): Change[] {
  const [, now] = /(?:^|;)\. ([^;]*)/.exec(seen) ?? []
  const wanted = '755 root:root'
  return now === undefined || now === wanted
    ? []
    : change(true, `${pageFolder(directory)} from ${now} to ${wanted}`)
}

/** These changes have no diff, unlike those of other files: the files are the same for everybody, and nobody edits them. */
function fileChange(directory: string, name: string, seen: string): Change[] {
  const lines = seen.split(';')
  const sum = createHash('sha256').update(content(name)).digest('hex')
  const right = lines.includes(`${name} 644 root:root`) && lines.includes(`${sum}  ${name}`)
  const exists = lines.some(line => line.startsWith(`${name} `))
  return right ? [] : change(exists, `${pageFolder(directory)}/${name}`)
}

function content(name: string): string {
  return asset(`resources/page/${name}`)
}

function unit(domain: string): string {
  return `berth-page-${domain}`
}

/** It runs under the registry's account, which may read the images anyway. It writes nothing but its socket. */
function serviceUnit(desired: Desired): string {
  const { domain, directory } = desired
  const [uid = '', gid = ''] = account.split(':')
  return `${notice}
[Unit]
Description=Tells the page of the registry ${domain} what there is

[Service]
ExecStart=/usr/bin/perl ${directory}/catalog.pl ${catalogSocket(desired)} ${source(desired)} ${uid} ${gid}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_SETGID CAP_SETUID
ProtectSystem=strict
ReadWritePaths=${directory}/run
ProtectHome=read-only
PrivateTmp=yes
PrivateNetwork=yes
MemoryMax=256M
TasksMax=32

[Install]
WantedBy=multi-user.target
`
}
