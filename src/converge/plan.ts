import type { Desired } from '../desired.ts'
import { certificate } from '../resources/certificate/certificate.ts'
import { guard } from '../resources/guard/guard.ts'
import { packages } from '../resources/packages/packages.ts'
import { registry } from '../resources/registry/registry.ts'
import { renewal } from '../resources/renewal/renewal.ts'
import type { Resource, Step } from '../resources/resource.ts'
import { site } from '../resources/site/site.ts'
import { users } from '../resources/users/users.ts'
import type { Facts } from '../server/facts.ts'
import { compose, line, quote } from '../shell.ts'

/** All that Berth owns on a server, each after what it stands on. */
const resources: readonly Resource<unknown>[] = [packages, users, registry, certificate, site, renewal, guard]

const libraries = [...resources.map(({ name }) => `resources/${name}/${name}`), 'resources/certificate/order']

/** The read-only script whose answer `Facts.parse` reads. */
export function factsScript(desired: Desired): string {
  return compose(['server/facts', ...libraries], [...probes(desired), 'echo berth:end'])
}

/**
 * Which steps lead from what the server is to what it should be; throws, naming all that is in the way. `only` names the
 * resources that are to be looked after: all of them unless told.
 */
export function plan(desired: Desired, facts: Facts, only?: readonly string[]): Step[] {
  const seen = resources
    .filter(({ name }) => only?.includes(name) ?? true)
    .map(resource => ({ resource, seen: resource.read(facts, desired) }))
  const obstacles = seen.flatMap(({ resource, seen }) => resource.obstacles?.(desired, seen) ?? [])
  if (obstacles.length > 0) throw new Error(obstacles.join('\n'))
  return seen.flatMap(({ resource, seen }) => resource.plan(desired, seen))
}

/** What is right for now and won't stay so, a sentence each. */
export function warnings(desired: Desired, facts: Facts): string[] {
  return resources.flatMap(resource => resource.warnings?.(desired, resource.read(facts, desired)) ?? [])
}

/** Which steps take the registry away: the last that was built goes first. */
export function removal(desired: Desired, facts: Facts): Step[] {
  return resources
    .toReversed()
    .flatMap(resource => resource.remove?.(desired, resource.read(facts, desired)) ?? [])
}

/** What a failed step means, in a sentence; `undefined` if its resource doesn't know better than the programs. */
export function explain(desired: Desired, { resource }: Step, output: string): string | undefined {
  return resources.find(({ name }) => name === resource)?.explain?.(desired, output)
}

/** Seconds that a run waits for another one on the same server. */
const patience = 900

/** The script that takes the steps, if the facts still hold once it has the server for itself. */
export function applyScript(desired: Desired, facts: Facts, steps: readonly Step[]): string {
  const checks = resources.flatMap(resource => (resource.check ? [resource.check(desired)] : []))
  return compose(
    ['server/facts', 'server/apply', ...libraries],
    [
      'look() {',
      ...probes(desired),
      '}',
      `DISKS=${quote(['/', '/etc', '/etc/letsencrypt', '/run', '/var', '/var/lib/docker', desired.directory].join(' '))}`,
      `lock ${patience}`,
      `still ${facts.checksum} look`,
      ...checks.map(call => line(['step', '0', ...call])),
      ...steps.map(({ resource, call }, index) => {
        const waits = steps[index + 1]?.beside !== resource
        return line([waits ? 'step' : 'begin', `${index + 1}`, ...call])
      }),
      'tell end ok',
    ],
  )
}

/** All at once, for most of their time is spent on starting programs: each passes on what those before it have said. */
function probes(desired: Desired): string[] {
  const units = resources.flatMap(resource => resource.units?.(desired) ?? [])
  const calls = [
    ['units_probe', ...units] as const,
    ...resources.flatMap(resource => resource.probe(desired)),
  ].map(line)
  const chain = calls.map((call, index) => (index === 0 ? call : `{ ${call} </dev/null; cat; }`))
  return [[...chain, 'files'].join(' |\n')]
}
