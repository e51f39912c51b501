import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withOwn } from '../lab/written.ts'
import type { Desired } from '../src/desired.ts'
import { resources } from '../src/resources/resources.ts'
import { Facts } from '../src/server/facts.ts'

export const suites = ['bookworm', 'trixie'] as const

const states = ['bare', 'ready', 'converged'] as const

const read = (suite: string, file: string) =>
  readFileSync(join(import.meta.dirname, 'recorded', suite, file), 'utf8')

/** Names of the resources whose facts are in the recordings. */
const known = new Set(
  suites
    .flatMap(suite => states.map(state => read(suite, `${state}.txt`)))
    .flatMap(text => [...text.matchAll(/^berth:(\w+)\./gm)].map(([, name]) => name)),
)

// A resource that is newer than the recordings has no part in the tests that read them, until `script/lab record` has asked real servers:
// its own test makes up its facts. Of a resource that they know, a single missing fact still fails.
for (const { name } of resources.filter(({ name }) => !known.has(name)))
  resources.splice(
    resources.findIndex(each => each.name === name),
    1,
  )

/**
 * What a real server answered to the facts script, and what was asked for then; `script/lab record` records it. The files that
 * Berth itself writes are not recorded: their contents are those of today’s sources.
 */
export function recorded(
  suite: (typeof suites)[number],
  state: (typeof states)[number],
): { desired: Desired; facts: Facts; output: string } {
  const desired: Desired = JSON.parse(read(suite, 'desired.json'))
  const output =
    state === 'converged'
      ? withOwn(read(suite, 'converged.txt'), desired, Facts.parse(read(suite, 'ready.txt')))
      : read(suite, `${state}.txt`)
  return { desired, facts: Facts.parse(output), output }
}
