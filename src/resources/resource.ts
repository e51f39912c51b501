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
  /** The user that it is about, if it is about one. */
  subject?: string
}

/** A call on the server that is done completely or not at all. */
export interface Step {
  resource: string
  changes: Change[]
  call: Call
  /** Runs at the same time as the step before it, if that step is of this resource. */
  beside?: string
  /** Comes after the steps of this resource, instead of with those of its own. */
  after?: string
  /** Which of several servers it is for. */
  server?: string
  /** What it does not change, in words that are safe to print. */
  keeps?: string
}

/**
 * One thing on the server that Berth owns.
 *
 * `NAME.sh` beside it holds the shell functions that `probe` and the steps call. To add a resource, write the two
 * files and name it in the list in resources.ts: CONTRIBUTING.md tells how.
 */
interface Definition<Seen> {
  readonly name: string
  /** Its shell files, if not only `NAME.sh`. */
  readonly libraries?: readonly string[]
  /** Units of systemd that `read` needs. One call asks for those of all resources, which takes no longer than asking for one. */
  units?(desired: Desired): string[]
  /** How to look: calls that print facts and change nothing. */
  probe(desired: Desired): Call[]
  /** How to read what was seen. Throws if a fact is missing. */
  read(facts: Facts, desired: Desired): Seen
  /** What belongs to somebody else. While there is any, Berth neither sets up nor removes anything. */
  claims?(desired: Desired, seen: Seen): Failure[]
  /** What is in the way and Berth must not move. While there is any, nothing is changed. */
  failures?(desired: Desired, seen: Seen): Failure[]
  /** What is right for now but won't stay that way. */
  warnings?(desired: Desired, seen: Seen): Failure[]
  /** A call on the server before the first change. If it fails, the run stops. */
  check?(desired: Desired): Call
  /** The steps from what was seen to what is wanted; none if there is no difference. */
  steps(desired: Desired, seen: Seen): Step[]
  /** What a failed step of this resource means, from the output of its programs; `undefined` if that says enough. */
  explain?(desired: Desired, output: string): Failure | undefined
  /** The steps that remove it and keep data, users and certificates. */
  removal?(desired: Desired, seen: Seen): Step[]
}

/** A resource, whatever type its `read` returns. */
export interface Resource
  extends Pick<Definition<unknown>, 'name' | 'libraries' | 'units' | 'probe' | 'check' | 'explain'> {
  look(desired: Desired, facts: Facts): Look
}

/** What a resource says about a server. */
interface Look {
  claims: Failure[]
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
        claims: definition.claims?.(desired, seen) ?? [],
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
