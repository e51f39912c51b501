import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Desired } from '../src/desired.ts'
import { Facts } from '../src/server/facts.ts'

export const suites = ['bookworm', 'trixie'] as const

/** What a real server answered to the facts script, and what was asked for then; `script/lab record` records it. */
export function recorded(
  suite: (typeof suites)[number],
  state: 'bare' | 'ready' | 'converged',
): { desired: Desired; facts: Facts; output: string } {
  const read = (file: string) => readFileSync(join(import.meta.dirname, 'recorded', suite, file), 'utf8')
  const output = read(`${state}.txt`)
  return { desired: JSON.parse(read('desired.json')), facts: Facts.parse(output), output }
}
