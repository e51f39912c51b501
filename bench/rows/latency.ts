import type { Line } from '../line.ts'
import { delayed, type Stage } from '../stage.ts'

/** `up` with nothing to do, over ways of 1, 10 and 100 ms: both SSH and HTTPS go them. */
export async function latency(stage: Stage): Promise<Line[]> {
  await stage.converge()
  const step = await stage.step()
  const lines: Line[] = []
  for (const rtt of [1, 10, 100])
    await delayed(stage, rtt, async () => {
      const [ours = [], theirs = []] = await stage.clock([step, stage.ssh('true')])
      const mark = { at: 'most', ratio: 1.5 } as const
      const work = `\`up\`, nothing to do, ${rtt} ms round trip`
      lines.push({ work, beside: '`ssh host true`', ours, theirs, ...(rtt === 100 && { mark }) })
    })
  return lines
}
