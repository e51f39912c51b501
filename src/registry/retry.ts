import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../failure.ts'

/** A failure that may be gone in a moment: a restart, a lost connection, too many requests. */
export class Transient extends Failure {}

/** Seconds before each new try. Each is randomly cut by up to half, so that many clients don’t come back at once. */
const delays = [1, 2, 4, 8, 16]

/** Milliseconds after which nothing is tried again. Docker’s engine has already tried for a minute when it gives up. */
const givesUpAfter = 120_000

/** Tries again if `work` fails with a `Transient`. Calls `retrying` with the reason before each new try. */
export async function retry<Result>(
  work: () => Promise<Result>,
  retrying: (reason: string) => void,
  cancelled: AbortSignal,
): Promise<Result> {
  const started = performance.now()
  for (const [index, delay] of delays.entries()) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Transient) || performance.now() - started > givesUpAfter) throw error
      const seconds = delay * (0.5 + Math.random() / 2)
      retrying(`${error.message}; try ${index + 2} of ${delays.length + 1} in ${seconds.toFixed(1)} s`)
      await sleep(seconds * 1000, undefined, { signal: cancelled })
    }
  }
  return work()
}
