import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import { shortReference } from '../../format.ts'
import type { ServerFile } from '../../server/facts.ts'
import { isLocked } from '../brake/brake.ts'
import { account, container } from '../names.ts'
import { type Change, change, fileChanges, resource, type Step } from '../resource.ts'
import { bucketTrial } from './bucket.ts'
import { needsNetwork } from './config.ts'
import { cutOffFailure, stepFailure } from './failure.ts'
import { type Folder, folder, parentFailure } from './folder.ts'
import { type Generation, generation } from './generation.ts'

interface Registry {
  /** The domain of the registry in the directory; empty if there is none. */
  domain: string
  /** Another domain whose registry was begun there and never served, so that nothing is worth keeping; empty if there is none. */
  abandoned: string
  /** The registry’s directory, as its site names it; empty if there is no site. */
  place: string
  /** Whether nginx passes requests on to the registry without asking for a password, or may still do so. */
  open: boolean
  /** The folders from `/` to the directory. */
  parents: Folder[]
  /** The name of the generation that serves: a hash, and a number if it was started more than once; empty if none does. */
  generation: string
  start: ServerFile | undefined
  config: ServerFile | undefined
  /** The state of its container, as Docker says it (`running`, `exited`, …); `absent` if there is none. */
  status: string
  restart: string
  /** Other generations that a run which was cut off has left. */
  leftovers: string[]
  /** Whether the server has its own `http.secret` already. */
  secret: boolean
  /** The owner of the images, as `uid:gid`; `absent` if there are none. */
  data: string
  /** The group that owns the registry’s sockets, and the one that nginx’s workers have. */
  group: { socket: string; nginx: string }
  /** Whether Docker starts with the machine. */
  enabled: boolean
  /** Whether Docker, if it is there, is the service docker.service. */
  service: boolean
  /** The state of the container of an older Berth, which published a port; `absent` if there is none. */
  published: string
  /** Containers with a registry that somebody set up by hand. */
  predecessors: string[]
  /** Whether Docker’s firewall rules are gone, without which the registry can’t reach others as it must. */
  cutOff: boolean
  /** Whether the server trusts authorities that the registry does not know yet. */
  distrustful: boolean
  /** Whether the object storage does not answer the registry at the moment. */
  silent: boolean
}

const dockerUnit = 'docker.service'

/** The registry: generations of a container and its configuration, and the images. */
export const registry = resource<Registry>({
  name: 'registry',

  libraries: ['registry', 'adoption', 'bucket', 'network'],

  units: () => [dockerUnit],

  probe: ({ domain, directory, adopt, registry }) => [
    ['registry_probe', directory, container(domain), domain],
    ['adoption_probe', directory, adopt ? 'wanted' : ''],
    ...(needsNetwork({ registry }) ? [['network_probe', directory] as const] : []),
  ],

  read(facts, { registry }) {
    const [status = '', restart = ''] = facts.get('registry.container').split(' ')
    const [owner = '', isVoid] = facts.get('registry.domain').split(' ')
    const site = facts.file('site.file')?.content ?? ''
    const place = /server unix:(.*)\/registry\.sock[; ]/.exec(site)?.[1] ?? ''
    const seen = {
      domain: owner,
      abandoned: '',
      place,
      // An older Berth’s site points to a port, and not to what is started now.
      open: place !== '' && serves(site) && !(asks(site) && facts.is('site.loaded')),
      parents: [...new Set(list(facts.get('registry.parents'), ';'))].map(folder),
      generation: facts.get('registry.generation'),
      start: facts.file('registry.start'),
      config: facts.file('registry.config'),
      ...{ status, restart },
      leftovers: list(facts.get('registry.leftovers')),
      secret: facts.is('registry.secret'),
      data: facts.get('registry.data'),
      group: { socket: facts.get('registry.group'), nginx: facts.get('site.group') },
      enabled: facts.unit(dockerUnit).enabled,
      service: facts.unit(dockerUnit).known || !facts.is('packages.docker'),
      published: facts.get('registry.published'),
      predecessors: list(facts.get('registry.predecessors')),
      cutOff: needsNetwork({ registry }) && !facts.is('registry.rules'),
      distrustful: needsNetwork({ registry }) && !facts.is('registry.trust'),
      silent: facts.is('guard.silent'),
    }
    return isVoid === undefined ? seen : { ...seen, ...nothing, abandoned: owner }
  },

  claims(desired, { domain, place }) {
    const { directory } = desired
    if (domain !== '' && domain !== desired.domain)
      return [
        new Failure(
          'rival',
          `${directory} belongs to the registry ${domain}, with its images and users; give ${desired.domain} a \`directory\` of its own, such as ${directory}-${desired.domain}`,
        ),
      ]
    if (place !== '' && place !== directory)
      return [
        new Failure(
          'rival',
          `the registry ${desired.domain} is in ${place} on this server and not in ${directory}; give \`directory: ${place}\`, or run mode \`down\` with that, move the folder, and run again`,
        ),
      ]
    return []
  },

  failures(desired, { parents, predecessors, service }) {
    const { directory, adopt } = desired
    return [
      ...(service
        ? []
        : [
            new Failure(
              'serverDocker',
              'the server has a Docker that is not the service docker.service, such as a snap or podman; replace it with the engine from the server’s distribution or from Docker itself (`apt-get install docker.io`), and run again',
            ),
          ]),
      ...parents.flatMap(parent => parentFailure(parent, directory)),
      ...(adopt && predecessors.length > 1
        ? [
            new Failure(
              'rival',
              `there are several registries to adopt, ${predecessors.join(', ')}; stop all but the right one`,
            ),
          ]
        : []),
    ]
  },

  warnings: ({ adopt }, { generation, predecessors, published, cutOff }) => [
    ...(cutOff && generation !== '' ? [cutOffFailure()] : []),
    ...(adopt || generation !== '' || published !== 'absent' || predecessors.length === 0
      ? []
      : [
          new Failure(
            'rival',
            `container ${predecessors.join(', ')} on this server is a registry that somebody set up by hand, and Berth starts an empty one beside it; to take over its images and users instead, set \`adopt: true\``,
          ),
        ]),
  ],

  steps(desired, seen) {
    const { directory, domain, adopt } = desired
    const wanted = generation(desired)
    const changes = changesTo(desired, wanted, seen)
    const steps: Step[] = []
    if (seen.abandoned !== '') {
      steps.push({
        resource: 'registry',
        changes: [
          { action: 'delete', summary: `what a first run for ${seen.abandoned} left, which never served` },
        ],
        call: ['registry_abandon', directory, seen.abandoned],
      })
    }
    steps.push(...bucketTrial(desired, seen))
    const [predecessor] = seen.predecessors
    if (changes.length > 0) {
      const made = [directory, domain, wanted.name, wanted.start, wanted.config] as const
      steps.push({
        resource: 'registry',
        changes,
        call: adopt && predecessor !== undefined ? ['registry_adopt', ...made] : ['registry_up', ...made],
        // Without a login of its own, it must not serve before nginx asks for passwords.
        ...(isLocked(desired) && seen.open && { after: 'site' }),
      })
    }
    if (seen.published !== 'absent') {
      steps.push({
        resource: 'registry',
        changes: [{ action: 'delete', summary: `container ${container(domain)}, which published a port` }],
        call: ['registry_retire_published', directory, container(domain), domain],
        // It serves until nginx has the socket.
        after: 'site',
      })
    }
    return steps
  },

  explain: ({ registry }, output) => stepFailure(registry.image, output),

  removal({ directory, domain, purge }, seen) {
    const { status, generation, leftovers, published, data } = seen
    const steps: Step[] = []
    if (status !== 'absent' || generation !== '' || leftovers.length > 0 || published !== 'absent') {
      steps.push({
        resource: 'registry',
        changes: [{ action: 'delete', summary: `container ${container(domain)}-${generation}` }],
        call: ['registry_down', directory, container(domain), domain],
      })
    }
    // Never a folder that Berth did not make.
    if (purge && data !== 'absent' && (seen.domain === domain || seen.secret)) {
      steps.push({
        resource: 'registry',
        changes: [{ action: 'delete', summary: `${directory}, with every image and user` }],
        call: ['registry_purge', directory],
      })
    }
    return steps
  },
})

/** What a registry that never served counts as. */
const nothing = {
  ...{ domain: '', generation: '', start: undefined, config: undefined },
  ...{ status: 'absent', restart: '', leftovers: [], data: 'absent' },
} satisfies Partial<Registry>

/** Whether a site passes requests on. Before the first certificate it has no port 443. */
function serves(site: string): boolean {
  return /^\s*ssl_certificate /m.test(site)
}

function asks(site: string): boolean {
  return /^\s*auth_basic_user_file /m.test(site)
}

function changesTo(desired: Desired, wanted: Generation, seen: Registry): Change[] {
  const { directory, registry, adopt } = desired
  const folder = `${directory}/generations/${wanted.name}`
  const files = [
    ...fileChanges(`${folder}/start`, seen.start, wanted.start, '755'),
    ...fileChanges(`${folder}/config.yml`, seen.config, wanted.config, '600', account),
  ]
  const [predecessor] = seen.predecessors
  if (adopt && predecessor !== undefined) {
    return [
      ...files,
      {
        action: 'update',
        summary: `take over container ${predecessor} with its images; it stays, stopped`,
      },
    ]
  }
  if (seen.generation === '') return [...files, ...change(false, `start ${shortReference(registry.image)}`)]
  const reasons = [
    files.some(({ file }) => file) && 'its settings have changed',
    files.some(({ file }) => !file) && 'others could read or change its settings',
    seen.status === 'absent' && 'it is gone',
    !['absent', 'running'].includes(seen.status) && `its state is ${seen.status}`,
    seen.status !== 'absent' && seen.restart !== 'always' && 'it would not restart by itself',
    seen.leftovers.length > 0 && 'an earlier change was cut off',
    !seen.secret && 'its secret is gone',
    seen.data !== account && 'its images belong to another account',
    seen.group.nginx !== '' && seen.group.socket !== seen.group.nginx && 'nginx can’t reach its socket',
    seen.distrustful && 'it does not know yet which authorities the server trusts',
    !seen.enabled && 'Docker does not start with the machine',
  ].filter(reason => typeof reason === 'string')
  return reasons.length === 0
    ? files
    : [
        ...files,
        ...change(
          true,
          `replace the container with a new one of ${shortReference(registry.image)}, because ${reasons.join(', ')}`,
        ),
      ]
}

function list(text: string, separator = ' '): string[] {
  return text.split(separator).filter(each => each !== '')
}
