import type { Line } from '../line.ts'
import { type Stage, users } from '../stage.ts'

/** One of five users gets another password, in turn this and that. */
export async function rotation(stage: Stage): Promise<Line[]> {
  await stage.converge()
  const rotated = await stage.step({ users: users(5, 'Another9fTq7mWz2KsLpB4') })
  const back = await stage.step()
  const note = await stage.count(() => stage.clock([rotated], 1, 0))
  const [there = [], here = [], theirs = []] = await stage.clock([back, rotated, stage.ssh('true')])
  await stage.converge()
  const ours = here.map((each, index) => (each + (there[index] ?? Number.NaN)) / 2)
  return [
    {
      work: '`up`, one user changed',
      beside: '`ssh host true`',
      ours,
      theirs,
      note: `${note}; mark: 1 and 2`,
    },
  ]
}
