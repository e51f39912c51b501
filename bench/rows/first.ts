import type { Line } from '../line.ts'
import { byHand, state } from '../peers.ts'
import type { Stage } from '../stage.ts'

/** The first `up` on a server with the packages. */
export function first(stage: Stage): Promise<Line[]> {
  return firstOn(stage, true, 5, 1)
}

/** The first `up` on a server with nothing but sshd. */
export function firstBare(stage: Stage): Promise<Line[]> {
  return firstOn(stage, false, 5, 1.1)
}

async function firstOn(stage: Stage, ready: boolean, rounds: number, mark: number): Promise<Line[]> {
  await stage.converge()
  await state(stage)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    await stage.fresh(ready)
    ours.push(...(await stage.clock([await stage.step()], 1, 0)).flat())
    await stage.fresh(ready)
    theirs.push(...(await stage.clock([byHand(stage)], 1, 0)).flat())
  }
  // What was set up by hand is in Berth's places and not all its own: begin anew.
  await stage.fresh(true)
  const work = `first \`up\`, ${ready ? 'packages there' : 'bare server'}`
  return [
    { work, beside: 'the procedure by hand, as a script', ours, theirs, mark: { at: 'most', ratio: mark } },
  ]
}
