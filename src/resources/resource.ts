import type { Desired } from '../desired.ts'
import type { Failure } from '../failure.ts'
import type { Facts, ServerFile } from '../server/facts.ts'
import type { Call } from '../shell.ts'

/** One line of a plan: what will be different, in words that are safe to print. */
export interface Change {
  action: 'create' | 'update' | 'delete'
  summary: string
  /** The text file that changes, for a unified diff; never one with credentials or hashes. */
  file?: { path: string; before: string; after: string }
  /** Whom or what it is about, where a resource holds several. */
  subject?: string
}

/** What is done on the server in one go, and done wholly or undone. */
export interface Step {
  resource: string
  changes: Change[]
  call: Call
  /** Runs at the same time as the step before it, if that is of this resource: neither needs the other. */
  beside?: string
  /** Comes after the steps of this resource, and not where its own resource stands in the list. */
  after?: string
  /** What it leaves as it is, in words that are safe to print. */
  keeps?: string
}

/**
 * One thing on the server that Berth owns.
 *
 * `NAME.sh` beside it holds the shell functions that `probe` and the steps call. To add a resource, write the two
 * files and name it in the ordered list of plan.ts.
 */
interface Definition<Seen> {
  readonly name: string
  /** Its shell files: `NAME.sh` unless told. */
  readonly libraries?: readonly string[]
  /** Units of systemd that `read` asks the facts for: one question for all of them takes as long as one for each. */
  units?(desired: Desired): string[]
  /** How to look: calls that print facts and change nothing. */
  probe(desired: Desired): Call[]
  /** How to read what was seen. Throws if a fact is missing. */
  read(facts: Facts, desired: Desired): Seen
  /** What is in the way and isn't Berth's to move; while there is any, nothing is touched. */
  failures?(desired: Desired, seen: Seen): Failure[]
  /** What is right for now and won't stay so. */
  warnings?(desired: Desired, seen: Seen): Failure[]
  /** What must hold before the first change, found out on the server: a call that fails stops the run. */
  check?(desired: Desired): Call
  /** Which steps lead from what was seen to what is wanted; none if that is the same. */
  steps(desired: Desired, seen: Seen): Step[]
  /** What a failed step of this resource means, from what its programs said; `undefined` if that is clear. */
  explain?(desired: Desired, output: string): Failure | undefined
  /** Which steps take it away and keep data, users and certificates. */
  removal?(desired: Desired, seen: Seen): Step[]
}

/** A resource, whatever it is that its `read` returns. */
export interface Resource
  extends Pick<Definition<unknown>, 'name' | 'libraries' | 'units' | 'probe' | 'check' | 'explain'> {
  look(desired: Desired, facts: Facts): Look
}

/** What a resource says of a server. */
interface Look {
  failures: Failure[]
  warnings: Failure[]
  steps(): Step[]
  removal(): Step[]
}

export function resource<Seen>(definition: Definition<Seen>): Definition<Seen> & Resource {
  return {
    ...definition,
    look(desired, facts) {
      const seen = definition.read(facts, desired)
      return {
        failures: definition.failures?.(desired, seen) ?? [],
        warnings: definition.warnings?.(desired, seen) ?? [],
        steps: () => definition.steps(desired, seen),
        removal: () => definition.removal?.(desired, seen) ?? [],
      }
    },
  }
}

/** The only change of most steps. */
export function change(exists: boolean, summary: string): [Change] {
  return [{ action: exists ? 'update' : 'create', summary }]
}

/** How a text file differs from what is wanted, in content, mode or owner; `mode` is octal without a leading zero. */
export function fileChanges(
  path: string,
  seen: ServerFile | undefined,
  after: string,
  mode: string,
  owner = 'root:root',
): Change[] {
  if (seen?.content !== after) {
    return [{ ...change(seen !== undefined, path)[0], file: { path, before: seen?.content ?? '', after } }]
  }
  if (seen.mode === mode && seen.owner === owner) return []
  return change(true, `${path} from ${seen.mode} ${seen.owner} to ${mode} ${owner}`)
}
