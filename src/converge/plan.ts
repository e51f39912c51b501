import type { Desired } from '../desired.ts'
import { type Failure, joined } from '../failure.ts'
import { brake } from '../resources/brake/brake.ts'
import { certificate } from '../resources/certificate/certificate.ts'
import { guard } from '../resources/guard/guard.ts'
import { packages } from '../resources/packages/packages.ts'
import { registry } from '../resources/registry/registry.ts'
import { renewal } from '../resources/renewal/renewal.ts'
import type { Resource, Step } from '../resources/resource.ts'
import { site } from '../resources/site/site.ts'
import { users } from '../resources/users/users.ts'
import type { Facts } from '../server/facts.ts'
import { marker } from '../server/protocol.ts'
import { compose, line, quote } from '../shell.ts'

/** All that Berth owns on a server, each after what it stands on. */
const resources: readonly Resource[] = [packages, users, registry, certificate, brake, site, renewal, guard]

const libraries = [
  'server/protocol',
  'server/facts',
  ...resources.flatMap(({ name, libraries = [name] }) => libraries.map(each => `resources/${name}/${each}`)),
]

/** What a run would do, and what it has to say. */
export interface Plan {
  steps: Step[]
  /** What is right for now and won't stay so. */
  warnings: Failure[]
}

/** How a mode plans. */
export type Planner = (desired: Desired, facts: Facts) => Plan

/** The steps from what the server is to what it should be. Throws, naming all that is in the way. */
export const planUp: Planner = (desired, facts) => plan(desired, facts, resources)

/** The steps that keep the certificate valid: the rest of the server is `up`'s. */
export const planRenewal: Planner = (desired, facts) => plan(desired, facts, [certificate, renewal])

/** The steps that take the registry away: the last that was built goes first. */
export const planDown: Planner = (desired, facts) => ({
  steps: resources.toReversed().flatMap(resource => resource.look(desired, facts).removal()),
  warnings: [],
})

function plan(desired: Desired, facts: Facts, resources: readonly Resource[]): Plan {
  const looks = resources.map(resource => resource.look(desired, facts))
  const failure = joined(looks.flatMap(({ failures }) => failures))
  if (failure) throw failure
  return {
    steps: inOrder(looks.flatMap(look => look.steps())),
    warnings: looks.flatMap(({ warnings }) => warnings),
  }
}

/** Each step that is to come after another resource’s is put there. */
function inOrder(steps: readonly Step[]): Step[] {
  const ordered = steps.filter(({ after }) => after === undefined)
  for (const step of steps) {
    if (step.after === undefined) continue
    const names = resources
      .slice(0, resources.findIndex(({ name }) => name === step.after) + 1)
      .map(({ name }) => name)
    const last = ordered.findLastIndex(
      ({ resource, after }) => names.includes(resource) || after === step.after,
    )
    ordered.splice(last + 1, 0, step)
  }
  return ordered
}

/** What a failed step means; `undefined` if its resource doesn't know better than the programs. */
export function explain(desired: Desired, { resource }: Step, output: string): Failure | undefined {
  return resources.find(({ name }) => name === resource)?.explain?.(desired, output)
}

/** The read-only script whose answer `Facts.parse` reads. */
export function factsScript(desired: Desired): string {
  return compose(libraries, [...probes(desired), `echo ${marker('end')}`])
}

/** Seconds that a run waits for another one on the same server. */
const lockSeconds = 900

/** The script that takes the steps, if the facts still hold once it has the server for itself. */
export function applyScript(desired: Desired, facts: Facts, steps: readonly Step[]): string {
  const checks = resources.flatMap(resource => (resource.check ? [resource.check(desired)] : []))
  return compose(
    ['server/apply', ...libraries],
    [
      'look() {',
      ...probes(desired),
      '}',
      `DISKS=${quote(['/', '/etc', '/etc/letsencrypt', '/run', '/var', '/var/lib/docker', desired.directory].join(' '))}`,
      `lock ${lockSeconds}`,
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

/**
 * Looks at all resources at once, for most of their time is spent on starting programs: a pipeline, in which each probe
 * says what it has seen and then passes on what those before it said, so that no two lines get mixed. `files` comes last.
 */
function probes(desired: Desired): string[] {
  const units = resources.flatMap(resource => resource.units?.(desired) ?? [])
  const calls = [
    ['units_probe', ...units] as const,
    ...resources.flatMap(resource => resource.probe(desired)),
  ].map(line)
  const [first = '', ...others] = calls
  return [[first, ...others.map(call => `{ ${call} </dev/null; cat; }`), 'files'].join(' |\n')]
}
