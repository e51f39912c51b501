import { setTimeout as sleep } from 'node:timers/promises'
import { Failure } from '../failure.ts'

/** Another run works in the same bucket, from the server `name`, since a time in seconds since 1970. */
export class Taken extends Failure {
  readonly holder: string

  constructor(name: string, since: number) {
    const holder = `another run of mode \`clean\` is at work in this bucket, from ${name} since ${new Date(since * 1000).toISOString().replace(/\.\d+/, '')}`
    super('busy', `${holder}; wait for it and run again`)
    this.holder = holder
  }
}

/** Milliseconds for which a run waits for others in its bucket, and about how long until it tries again. */
const usual = { timeout: 900_000, pause: 10_000 }

/** Waits as long as `work` throws `Taken`; `said` hears once for whom. */
export async function inTurn<Result>(
  work: () => Promise<Result>,
  said: (text: string) => void,
  cancelled: AbortSignal,
  { timeout, pause } = usual,
): Promise<Result> {
  const started = performance.now()
  let told = false
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Taken) || performance.now() - started > timeout) throw error
      if (!told) said(`waiting: ${error.holder}`)
      told = true
      // Two that gave way to each other must not do so for ever.
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: cancelled })
    }
  }
}
