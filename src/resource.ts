import type { Desired } from './desired.ts'
import type { Facts } from './facts.ts'
import type { Call } from './script.ts'

/** One line of a plan: what will be different, in words that are safe to print. */
export interface Change {
  action: 'create' | 'update' | 'delete'
  summary: string
}

/** What is done on the server in one go, and done wholly or undone. */
export interface Step {
  resource: string
  changes: Change[]
  call: Call
}

/**
 * One thing on the server that Berth owns.
 *
 * `NAME.sh` beside it holds the shell functions that `probe` and the steps call. To add a resource, write the two
 * files and name it in the ordered list of plan.ts.
 */
export interface Resource<Seen> {
  readonly name: string
  /** How to look: calls that print facts and change nothing. */
  probe(desired: Desired): Call[]
  /** How to read what was seen. Throws if a fact is missing. */
  read(facts: Facts): Seen
  /** What is in the way and isn't Berth's to move, a sentence each; while there is any, nothing is touched. */
  obstacles?(desired: Desired, seen: Seen): string[]
  /** Which steps lead from what was seen to what is wanted; none if that is the same. */
  plan(desired: Desired, seen: Seen): Step[]
}

/** The only change of most steps. */
export function change(exists: boolean, summary: string): Change[] {
  return [{ action: exists ? 'update' : 'create', summary }]
}
