import { existsSync, rmSync } from 'node:fs'
import { type Acme, acme } from './acme.ts'
import { docker, engine, stopEngine, tryDocker } from './engine.ts'
import { type Hub, hub } from './hub.ts'
import { locked } from './lock.ts'
import { network } from './network.ts'
import { cache, label, labName } from './place.ts'
import { ensureRunner, type Runner } from './runner.ts'

export interface World {
  acme: Acme
  hub: Hub
  /** Runs the action. */
  runner: Runner
  /** Another machine, which pulls what the action pushed. */
  consumer: Runner
}

/**
 * Makes sure that all but the servers is up, and builds what is missing for that. Costs little when all is there;
 * puts right what a crash left behind; may be called by several processes at once.
 */
export function world(): Promise<World> {
  return locked('world', async () => {
    await engine()
    await network()
    const [theAcme, theHub, runner, consumer] = await Promise.all([
      acme(),
      hub(),
      ensureRunner('runner'),
      ensureRunner('consumer'),
    ])
    return { acme: theAcme, hub: theHub, runner, consumer }
  })
}

export interface Entry {
  name: string
  kind: string
  state: string
  domain: string
  /** The process that wanted it for itself, if that has ended since. */
  orphan: boolean
}

/** Every container of the lab. */
export async function inhabitants(): Promise<Entry[]> {
  const format =
    '{{.Names}}\t{{.Label "berth.kind"}}\t{{.State}}\t{{.Label "berth.domain"}}\t{{.Label "berth.owner"}}'
  // Without a kind it is no machine, but something like ssh-keygen that runs for a moment.
  const filters = ['--filter', `label=${label}`, '--filter', 'label=berth.kind']
  const lines = await docker('ps', '--all', ...filters, '--format', format)
  return lines
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [container = '', kind = '', state = '', domain = '', owner = ''] = line.split('\t')
      return {
        name: container.slice(labName.length + 1),
        kind,
        state,
        domain,
        orphan: owner !== '' && !existsSync(`/proc/${owner}`),
      }
    })
    .sort((a, b) => a.name.localeCompare(b.name))
}

/** Removes the lab's containers and network and, if `all`, its images, the engine that it started and its folder. */
export async function down(all = false): Promise<void> {
  await engine()
  const filter = ['--filter', `label=${label}`]
  const containers = await docker('ps', '--all', '--quiet', ...filter)
  if (containers) await docker('rm', '--force', '--volumes', ...containers.split('\n'))
  const networks = await docker('network', 'ls', '--quiet', ...filter)
  if (networks) await docker('network', 'rm', ...networks.split('\n'))
  if (!all) return
  // One that another lab on this engine uses stays.
  const images = await docker(
    'images',
    '--filter',
    'reference=berth-lab/*',
    '--format',
    '{{.Repository}}:{{.Tag}}',
  )
  if (images) await tryDocker(['rmi', ...images.split('\n')])
  await docker('image', 'prune', '--force', '--filter', 'label=berth.stage')
  await stopEngine()
  rmSync(cache, { recursive: true })
}
