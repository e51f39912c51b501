import type { Line } from '../line.ts'
import { type Stage, users } from '../stage.ts'

/** `up` with nothing to do, by the number of users. */
export async function userCounts(stage: Stage): Promise<Line[]> {
  const floor = stage.ssh('true')
  const lines: Line[] = []
  let one: number[] = []
  for (const count of [1, 10, 100, 1000]) {
    const inputs = { users: users(count) }
    await stage.converge(inputs)
    const [ours = [], theirs = []] = await stage.clock([await stage.step(inputs), floor], 7)
    const units = ours.map((each, index) => each / (theirs[index] ?? Number.NaN))
    if (count === 1) one = units
    const work = `\`up\`, nothing to do, ${count} users`
    lines.push({ work, beside: '`ssh host true`', ours, theirs })
    if (count === 1000)
      lines.push({
        work,
        beside: 'the same with one, both in units of `ssh host true`',
        ours: units.map(each => each * 100),
        theirs: one.map(each => each * 100),
        unit: '%',
        mark: { at: 'most', ratio: 1.3 },
      })
  }
  await stage.converge()
  return lines
}
