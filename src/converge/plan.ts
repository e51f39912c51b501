import type { Desired } from '../desired.ts'
import { type Failure, joined } from '../failure.ts'
import { certificate } from '../resources/certificate/certificate.ts'
import { isTrial } from '../resources/registry/bucket.ts'
import { renewal } from '../resources/renewal/renewal.ts'
import type { Resource, Step } from '../resources/resource.ts'
import { resources } from '../resources/resources.ts'
import type { Facts } from '../server/facts.ts'
import { marker } from '../server/protocol.ts'
import { compose, line, quote } from '../shell.ts'

const libraries = [
  'server/protocol',
  'server/facts',
  ...resources.flatMap(({ name, libraries = [name] }) => libraries.map(each => `resources/${name}/${each}`)),
]

/** What a run would do, and what it warns of. */
export interface Plan {
  steps: Step[]
  /** What is right for now but won't stay that way. */
  warnings: Failure[]
}

/** How a mode plans. */
export type Planner = (desired: Desired, facts: Facts) => Plan

/** The steps from what the server is to what it should be. Throws, naming all that is in the way. */
export const planUp: Planner = (desired, facts) => plan(desired, facts, resources)

/** Of those steps, the ones that show whether the server can use a new storage. */
export const planTrial: Planner = (desired, facts) => ({
  steps: planUp(desired, facts).steps.filter(step => step.resource === 'packages' || isTrial(step)),
  warnings: [],
})

/** The steps that keep the certificate valid. Everything else on the server is left to `up`. */
export const planRenewal: Planner = (desired, facts) => plan(desired, facts, [certificate, renewal])

/** The steps that take the registry away: the last that was built goes first. */
export const planDown: Planner = (desired, facts) => {
  const looks = resources.toReversed().map(resource => resource.look(desired, facts))
  const failure = joined(looks.flatMap(({ claims }) => claims))
  if (failure) throw failure
  return { steps: looks.flatMap(look => look.removal()), warnings: [] }
}

function plan(desired: Desired, facts: Facts, resources: readonly Resource[]): Plan {
  const looks = resources.map(resource => resource.look(desired, facts))
  const failure = joined(looks.flatMap(({ claims, failures }) => [...claims, ...failures]))
  if (failure) throw failure
  return {
    steps: inOrder(looks.flatMap(look => look.steps())),
    warnings: looks.flatMap(({ warnings }) => warnings),
  }
}

/** Moves each step with `after` behind the steps of that resource. */
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

/** What a failed step means; `undefined` if its resource can't say it better than the programs did. */
export function explain(desired: Desired, { resource }: Step, output: string): Failure | undefined {
  return resources.find(({ name }) => name === resource)?.explain?.(desired, output)
}

/** The read-only script whose answer `Facts.parse` reads. */
export function factsScript(desired: Desired): string {
  return compose(libraries, [...probes(desired), `echo ${marker('end')}`])
}

/** Seconds that a run waits for another one on the same server. */
const lockSeconds = 900

/** The script that takes the steps. Once it has the lock, it first checks that the facts still hold. */
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

/** How many resources are looked at at the same time. More of them would start more programs to pass lines on than they save. */
const lanes = 4

/**
 * Looks at several resources at once, because starting programs takes most of the time. It is a pipeline: each lane prints what
 * its probes have seen, and then passes on the output of those before it, so that lines never get mixed. `files` comes last.
 */
function probes(desired: Desired): string[] {
  const units = resources.flatMap(resource => resource.units?.(desired) ?? [])
  const calls = [
    ['units_probe', ...units] as const,
    ...resources.flatMap(resource => resource.probe(desired)),
  ].map(line)
  const [first = [], ...others] = Array.from({ length: lanes }, (_, lane) =>
    calls.filter((_, index) => index % lanes === lane),
  )
  const passing = others.map(each => ['{ {', ...each, '} </dev/null; cat; }'].join('\n'))
  return [[['{', ...first, '}'].join('\n'), ...passing, 'files'].join(' |\n')]
}
