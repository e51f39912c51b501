import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { ServerFile } from '../../server/facts.ts'
import { type Change, fileChanges, resource, type Step } from '../resource.ts'
import { account, composeYaml, configYaml, container, fingerprint } from './compose.ts'

interface Registry {
  compose: ServerFile | undefined
  config: ServerFile | undefined
  /** Whether the server has its own `http.secret` already. */
  secret: boolean
  /** Whether the last change ran to its end. */
  settled: boolean
  /** Whose the images are, as `uid:gid`; `absent` if there are none. */
  data: string
  /** Whether Docker starts with the machine. */
  enabled: boolean
  container: {
    /** As Docker says it (`running`, `exited`, …); `absent` if there is no such container. */
    status: string
    restart: string
    /** The `berth.config` label: which files the container was made from. */
    label: string
  }
  /** Who else listens on the port: `container NAME` or `program NAME`; empty if nobody does. */
  holder: string
  /** Whether the holder is a registry, which can be adopted. */
  predecessor: boolean
}

const dockerUnit = 'docker.service'

/** The registry's container, the two files it is made from, and its data. */
export const registry = resource<Registry>({
  name: 'registry',

  units: () => [dockerUnit],

  probe: ({ domain, directory, registry }) => [
    ['registry_probe', directory, container(domain), `${registry.port}`],
  ],

  read(facts) {
    const [status = '', restart = '', label = ''] = facts.get('registry.container').split(' ')
    return {
      compose: facts.file('registry.compose'),
      config: facts.file('registry.config'),
      secret: facts.is('registry.secret'),
      settled: facts.is('registry.settled'),
      data: facts.get('registry.data'),
      enabled: facts.unit(dockerUnit).enabled,
      container: { status, restart, label },
      holder: facts.get('registry.holder'),
      predecessor: facts.is('registry.predecessor'),
    }
  },

  failures({ registry, adopt }, { holder, predecessor }) {
    if (holder === '' || (adopt && predecessor)) return []
    const sentence = predecessor
      ? `${holder} is a registry that somebody set up by hand, on port ${registry.port}; take it over with its images and users by \`adopt: true\`, or leave it alone with another \`registry-port\``
      : `port ${registry.port} is taken by ${holder}; give another \`registry-port\``
    return [new Failure(predecessor ? 'rival' : 'port', sentence)]
  },

  steps(desired, seen) {
    const { directory, domain, registry } = desired
    const config = configYaml(desired)
    const compose = composeYaml(desired, config)
    const texts = [
      {
        path: `${directory}/compose.yaml`,
        seen: seen.compose,
        after: compose,
        mode: '644',
        owner: 'root:root',
      },
      { path: `${directory}/config.yml`, seen: seen.config, after: config, mode: '600', owner: account },
    ]
    const files = texts.flatMap(({ path, seen, after, mode, owner }) =>
      fileChanges(path, seen, after, mode, owner),
    )
    const changes = [...files, ...containerChanges(desired, seen, config)]
    if (changes.length === 0) return []
    const made = [directory, container(domain), account, registry.image, compose, config] as const
    return [
      {
        resource: 'registry',
        changes,
        call: seen.predecessor
          ? ['registry_adopt', ...made, seen.holder.replace('container ', '')]
          : ['registry_up', ...made],
      },
    ]
  },

  explain(_, output) {
    const engine = /^Docker does not start: (.*)$/m.exec(output)?.[1]
    if (engine !== undefined)
      return new Failure(
        'serverDocker',
        `Docker does not start on the server (${engine}); mend that until \`systemctl start docker\` succeeds there, and run again`,
      )
    // What compose and Docker said before that only hides it.
    const words = /^the registry (is back as it was|did not come back|does not start)\b.*/ms
      .exec(output)?.[0]
      .trimEnd()
      .replaceAll('\n', '\n  ')
    return words === undefined ? undefined : new Failure('registryStart', words)
  },

  removal({ directory, domain, purge }, { container: { status }, compose, data }) {
    const steps: Step[] = []
    if (status !== 'absent' || compose !== undefined) {
      steps.push({
        resource: 'registry',
        changes: [{ action: 'delete', summary: `container ${container(domain)}` }],
        call: ['registry_down', directory, container(domain)],
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

function containerChanges(desired: Desired, seen: Registry, config: string): Change[] {
  const { registry } = desired
  const { status, restart, label } = seen.container
  if (seen.predecessor) {
    return [{ action: 'update', summary: `take over ${seen.holder} with its images; it stays, stopped` }]
  }
  if (status === 'absent') {
    return [{ action: 'create', summary: `start ${registry.image} on port ${registry.port}` }]
  }
  const reasons = [
    status !== 'running' && `it is ${status}`,
    label !== fingerprint(desired, config) && 'its files have changed',
    restart !== 'always' && 'it would not restart by itself',
    !seen.settled && 'its last change was cut off',
    !seen.secret && 'its secret is gone',
    seen.data !== account && 'its images belong to another account',
    !seen.enabled && 'Docker does not start with the machine',
  ].filter(reason => typeof reason === 'string')
  return reasons.length === 0
    ? []
    : [{ action: 'update', summary: `restart ${registry.image}, for ${reasons.join(', ')}` }]
}
