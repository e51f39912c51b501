import type { Desired } from './desired.ts'
import type { Facts } from './facts.ts'
import type { Resource, Step } from './resource.ts'
import { certificate } from './resources/certificate.ts'
import { packages } from './resources/packages.ts'
import { registry } from './resources/registry.ts'
import { renewal } from './resources/renewal.ts'
import { site } from './resources/site.ts'
import { users } from './resources/users.ts'
import { compose, line } from './script.ts'

/** All that Berth owns on a server, each after what it stands on. */
const resources: readonly Resource<unknown>[] = [packages, users, registry, renewal, certificate, site]

const libraries = resources.map(({ name }) => `resources/${name}`)

/** The read-only script whose answer `Facts.parse` reads. */
export function factsScript(desired: Desired): string {
  return compose(['facts', ...libraries], [...probes(desired), 'echo berth:end'])
}

/** Which steps lead from what the server is to what it should be; throws, naming all that is in the way. */
export async function plan(
  desired: Desired,
  facts: Facts,
  say: (text: string) => void = () => {},
): Promise<Step[]> {
  const seen = resources.map(resource => ({ resource, seen: resource.read(facts) }))
  const obstacles = seen.flatMap(({ resource, seen }) => resource.obstacles?.(desired, seen) ?? [])
  if (obstacles.length > 0) throw new Error(obstacles.join('\n'))
  const steps: Step[] = []
  for (const { resource, seen: each } of seen) steps.push(...(await resource.plan(desired, each, say)))
  return steps
}

/** Which steps take the registry away: the last that was built goes first. */
export function removal(desired: Desired, facts: Facts): Step[] {
  return resources.toReversed().flatMap(resource => resource.remove?.(desired, resource.read(facts)) ?? [])
}

/** Seconds that a run waits for another one on the same server. */
const patience = 900

/** The script that takes the steps, if the facts still hold once it has the server for itself. */
export function applyScript(desired: Desired, facts: Facts, steps: readonly Step[]): string {
  const checks = resources.flatMap(resource => (resource.check ? [resource.check(desired)] : []))
  return compose(
    ['facts', 'apply', ...libraries],
    [
      'look() {',
      ...probes(desired),
      '}',
      `lock ${patience}`,
      `still ${facts.checksum} look`,
      ...checks.map(call => line(['step', '0', ...call])),
      ...steps.map(({ call }, index) => line(['step', `${index + 1}`, ...call])),
      'tell end ok',
    ],
  )
}

function probes(desired: Desired): string[] {
  return resources.flatMap(resource => resource.probe(desired)).map(line)
}
