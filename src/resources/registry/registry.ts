import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { ServerFile } from '../../server/facts.ts'
import { account, container } from '../names.ts'
import { type Change, change, fileChanges, resource, type Step } from '../resource.ts'
import { type Generation, generation } from './generation.ts'

interface Registry {
  /** Whose registry is in the directory; empty if there is none. */
  domain: string
  /** The folders from `/` to the directory. */
  parents: Folder[]
  /** The generation that serves: the hash that it was made from, and a suffix if that was not the first time. */
  generation: string
  start: ServerFile | undefined
  config: ServerFile | undefined
  /** Its container as Docker says it (`running`, `exited`, …); `absent` if there is none. */
  status: string
  restart: string
  /** What a run that was cut off has left of other generations. */
  leftovers: string[]
  /** Whether the server has its own `http.secret` already. */
  secret: boolean
  /** Whose the images are, as `uid:gid`; `absent` if there are none. */
  data: string
  /** The group that owns the registry’s sockets, and the one that nginx’s workers have. */
  group: { socket: string; nginx: string }
  /** Whether Docker starts with the machine. */
  enabled: boolean
  /** The container of a Berth that published a port; `absent` if there is none. */
  published: string
  /** Containers with a registry that somebody set up by hand. */
  predecessors: string[]
}

interface Folder {
  path: string
  /** Numeric user id. */
  owner: string
  /** Octal. */
  mode: string
}

const dockerUnit = 'docker.service'

/** The registry: generations of a container and its configuration, and the images. */
export const registry = resource<Registry>({
  name: 'registry',

  libraries: ['registry', 'adoption'],

  units: () => [dockerUnit],

  probe: ({ domain, directory, adopt }) => [
    ['registry_probe', directory, container(domain), domain],
    ['adoption_probe', directory, adopt ? 'wanted' : ''],
  ],

  read(facts) {
    const [status = '', restart = ''] = facts.get('registry.container').split(' ')
    return {
      domain: facts.get('registry.domain'),
      parents: list(facts.get('registry.parents'), ';').map(folder),
      generation: facts.get('registry.generation'),
      start: facts.file('registry.start'),
      config: facts.file('registry.config'),
      ...{ status, restart },
      leftovers: list(facts.get('registry.leftovers')),
      secret: facts.is('registry.secret'),
      data: facts.get('registry.data'),
      group: { socket: facts.get('registry.group'), nginx: facts.get('site.group') },
      enabled: facts.unit(dockerUnit).enabled,
      published: facts.get('registry.published'),
      predecessors: list(facts.get('registry.predecessors')),
    }
  },

  failures(desired, { domain, parents, predecessors }) {
    const { directory, adopt } = desired
    return [
      ...(domain === '' || domain === desired.domain
        ? []
        : [
            new Failure(
              'rival',
              `${directory} belongs to the registry ${domain}; give ${desired.domain} a \`directory\` of its own`,
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

  warnings: ({ adopt }, { generation, predecessors, published }) =>
    adopt || generation !== '' || published !== 'absent' || predecessors.length === 0
      ? []
      : [
          new Failure(
            'rival',
            `container ${predecessors.join(', ')} on this server is a registry that somebody set up by hand, and Berth starts an empty one beside it; to take over its images and users instead, set \`adopt: true\``,
          ),
        ],

  steps(desired, seen) {
    const { directory, domain, adopt } = desired
    const wanted = generation(desired)
    const changes = changesTo(desired, wanted, seen)
    const steps: Step[] = []
    const [predecessor] = seen.predecessors
    if (changes.length > 0) {
      const made = [directory, domain, wanted.name, wanted.start, wanted.config] as const
      steps.push({
        resource: 'registry',
        changes,
        call: adopt && predecessor !== undefined ? ['registry_adopt', ...made] : ['registry_up', ...made],
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

  explain(_, output) {
    const engine = /^Docker does not start: (.*)$/m.exec(output)?.[1]
    if (engine !== undefined)
      return new Failure(
        'serverDocker',
        `Docker does not start on the server (${engine}); mend that until \`systemctl start docker\` succeeds there, and run again`,
      )
    if (/exec: "\/bin\/sh": .*no such file/.test(output))
      return new Failure(
        'registryStart',
        'the image in `registry-image` has no /bin/sh, which opens the registry’s socket to nginx; use an image of registry 2.8 or 3.x that has a shell, such as the official one',
      )
    const full = /^\S+ holds images already; .*$/m.exec(output)?.[0]
    if (full !== undefined) return new Failure('rival', full)
    // What Docker said before that only hides it.
    const words = /^the (new )?registry (serves as before|does not start)\b.*/ms
      .exec(output)?.[0]
      .trimEnd()
      .replaceAll('\n', '\n  ')
    return words === undefined ? undefined : new Failure('registryStart', words)
  },

  removal({ directory, domain, purge }, { status, generation, leftovers, published, data }) {
    const steps: Step[] = []
    if (status !== 'absent' || generation !== '' || leftovers.length > 0 || published !== 'absent') {
      steps.push({
        resource: 'registry',
        changes: [{ action: 'delete', summary: `container ${container(domain)}-${generation}` }],
        call: ['registry_down', directory, container(domain), domain],
      })
    }
    if (purge && data !== 'absent') {
      steps.push({
        resource: 'registry',
        changes: [{ action: 'delete', summary: `${directory}, with every image and user` }],
        call: ['registry_purge', directory],
      })
    }
    return steps
  },
})

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
  if (seen.generation === '') return [...files, ...change(false, `start ${registry.image}`)]
  const reasons = [
    files.some(({ file }) => file) && 'its settings have changed',
    files.some(({ file }) => !file) && 'others could read or change its settings',
    seen.status === 'absent' && 'it is gone',
    !['absent', 'running'].includes(seen.status) && `it is ${seen.status}`,
    seen.status !== 'absent' && seen.restart !== 'always' && 'it would not restart by itself',
    seen.leftovers.length > 0 && 'an earlier change was cut off',
    !seen.secret && 'its secret is gone',
    seen.data !== account && 'its images belong to another account',
    seen.group.nginx !== '' && seen.group.socket !== seen.group.nginx && 'nginx can’t reach its socket',
    !seen.enabled && 'Docker does not start with the machine',
  ].filter(reason => typeof reason === 'string')
  return reasons.length === 0
    ? files
    : [
        ...files,
        ...change(
          true,
          `replace the container with a new one of ${registry.image}, because ${reasons.join(', ')}`,
        ),
      ]
}

/** Whoever may write to a parent of the directory could put there what root runs; nginx’s workers must get through it. */
function parentFailure({ path, owner, mode }: Folder, directory: string): Failure[] {
  const bits = Number.parseInt(mode, 8)
  const choose = 'choose another `directory`, such as /opt/berth'
  if (owner !== '0')
    return [
      new Failure(
        'input',
        `the user ${owner} owns ${path} and could become root through it; make root its owner (\`chown root ${path}\`), or ${choose}`,
      ),
    ]
  if ((bits & 0o022) !== 0)
    return [
      new Failure(
        'input',
        `users other than root can write to ${path} and could become root through it; forbid that (\`chmod go-w ${path}\`), or ${choose}`,
      ),
    ]
  if ((bits & 0o001) === 0)
    return [
      new Failure(
        'input',
        `nginx can’t get to ${directory}, for ${path} is closed to others; open it (\`chmod o+x ${path}\`), or ${choose}`,
      ),
    ]
  return []
}

function folder(text: string): Folder {
  const [owner = '', mode = '', path = ''] = text.split(' ')
  return { owner, mode, path }
}

function list(text: string, separator = ' '): string[] {
  return text.split(separator).filter(each => each !== '')
}
