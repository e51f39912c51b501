import type { Line } from '../line.ts'
import { home, type Stage } from '../stage.ts'

/** `up` with nothing to do, with 1 and with 100 repositories. */
export async function repositories(stage: Stage): Promise<Line[]> {
  await stage.converge()
  const step = await stage.step()
  const lines: Line[] = []
  for (const count of [1, 100]) {
    await stage.server.write('/root/fill.sh', await stage.runner.read(`${home}/fill.sh`))
    await stage.server.sh(`sh /root/fill.sh ${count}`)
    const [ours = [], theirs = []] = await stage.clock([step, stage.ssh('true')])
    lines.push({
      work: `\`up\`, nothing to do, ${count} repositories`,
      beside: '`ssh host true`',
      ours,
      theirs,
    })
  }
  return lines
}
