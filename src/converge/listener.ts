import type { Failure } from '../failure.ts'
import type { Step } from '../resources/resource.ts'
import type { Facts } from '../server/facts.ts'

/** Who hears of what happens on the server, as it happens. */
export interface Listener {
  /** The state of the server before any step. */
  looked?(facts: Facts): void
  /** `detailed` asks for the full text of new files too. */
  planned(steps: readonly Step[], detailed: boolean): void
  /** `milliseconds` is how long the step took. */
  done(step: Step, milliseconds: number): void
  said(text: string): void
  /** Something that was planned was not done, and can wait. */
  warned(failure: Failure): void
  /** The output of programs, for a log that is read only when something is wrong. */
  debug(text: string): void
}
