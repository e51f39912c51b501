import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withOwn } from '../lab/written.ts'
import type { Desired } from '../src/desired.ts'
import { Facts } from '../src/server/facts.ts'

export const suites = ['bookworm', 'trixie'] as const

/**
 * What a real server answered to the facts script, and what was asked for then; `script/lab record` records it. The files that
 * Berth itself writes are not recorded: their contents are those of today’s sources.
 */
export function recorded(
  suite: (typeof suites)[number],
  state: 'bare' | 'ready' | 'converged',
): { desired: Desired; facts: Facts; output: string } {
  const read = (file: string) => readFileSync(join(import.meta.dirname, 'recorded', suite, file), 'utf8')
  const desired: Desired = JSON.parse(read('desired.json'))
  const output =
    state === 'converged'
      ? withOwn(read('converged.txt'), desired, Facts.parse(read('ready.txt')))
      : read(`${state}.txt`)
  return { desired, facts: Facts.parse(output), output }
}
