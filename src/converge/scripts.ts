import type { Desired } from '../desired.ts'
import type { Step } from '../resources/resource.ts'
import { resources } from '../resources/resources.ts'
import type { Facts } from '../server/facts.ts'
import { lockSeconds } from '../server/failure.ts'
import { marker } from '../server/protocol.ts'
import { compose, line, quote } from '../shell.ts'

const libraries = [
  'server/protocol',
  'server/facts',
  ...resources.flatMap(({ name, libraries = [name] }) => libraries.map(each => `resources/${name}/${each}`)),
]

/** The read-only script whose answer `Facts.parse` reads. */
export function factsScript(desired: Desired): string {
  return compose(libraries, [...probes(desired), `echo ${marker('end')}`])
}

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
