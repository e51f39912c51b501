import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { factsScript } from '../src/converge/scripts.ts'
import type { Desired } from '../src/desired.ts'
import { createServer, key, removeMachine, runStep, world } from './index.ts'
import { checkout } from './place.ts'
import { withoutOwn } from './written.ts'

/**
 * Records what servers of a suite answer to the facts script (bare, with its packages, and after `up`) into
 * `__tests__/recorded/SUITE/`, and beside it what was asked for. What Berth has written there is left out.
 */
export async function record(suite: string): Promise<void> {
  const { acme, runner } = await world()
  const name = `recorded-${suite}`
  const folder = join(checkout, '__tests__/recorded', suite)
  mkdirSync(folder, { recursive: true })
  const desired: Desired = {
    domain: `${name}.berth.test`,
    directory: '/opt/berth',
    install: true,
    registry: { image: suite === 'bookworm' ? 'registry:2.8.3' : 'registry:3.1.2', config: {} },
    // Made up for this, and used nowhere else.
    users: [
      { name: 'ci', password: 'Xq7vNnB2kLw9rTz4MhCs8YdP', strong: true },
      { name: 'alice', password: 'wonderland', strong: false },
    ],
    access: undefined,
    page: false,
    sealKey: undefined,
    acme: {
      server: acme.directory,
      email: 'ops@example.com',
      ca: `${acme.trust.trim()}\n`,
      eab: undefined,
    },
    certificate: undefined,
    adopt: false,
    sshPort: 22,
    purge: false,
    renewBefore: 30,
  }
  writeFileSync(join(folder, 'desired.json'), `${JSON.stringify(desired, null, 2)}\n`)
  for (const state of ['bare', 'ready', 'converged'] as const) {
    await removeMachine(name)
    const server = await createServer({ suite, name, ready: state !== 'bare' })
    if (state === 'converged') {
      const { code, log } = await runStep(runner, {
        domain: server.domain,
        email: desired.acme.email ?? '',
        'ssh-key': (await key()).private,
        'ssh-known-hosts': server.knownHosts,
        users: (desired.users ?? []).map(user => `${user.name}:${user.password}`).join('\n'),
        'acme-server': acme.directory,
        ca: acme.trust,
        'registry-image': desired.registry.image,
      })
      if (code !== 0) throw new Error(log)
    }
    const output = `${await server.sh('sh -s', { input: factsScript(desired) })}\n`
    writeFileSync(join(folder, `${state}.txt`), state === 'converged' ? withoutOwn(output) : output)
    await server.remove()
  }
}
