import type { Line } from '../line.ts'
import { delayed, home, type Stage } from '../stage.ts'

const rounds = 3

/** Mode `push` through SSH beside HTTPS, over ways of 1 and 50 ms: the whole process, with images that nobody has seen. */
export async function through(stage: Stage): Promise<Line[]> {
  await stage.converge()
  const lines: Line[] = []
  for (const rtt of [1, 50])
    await delayed(stage, rtt, async () => {
      lines.push(await compare(stage, rtt, { name: 'large', layers: 4, kilobytes: 24 * 1024 }))
      lines.push(await compare(stage, rtt, { name: 'small', layers: 30, kilobytes: 1 }))
    })
  return lines
}

async function compare(
  stage: Stage,
  rtt: number,
  { name, layers, kilobytes }: { name: string; layers: number; kilobytes: number },
): Promise<Line> {
  const { runner, server } = stage
  const push = (way: 'ssh' | 'https') =>
    stage.step({
      ...{ mode: 'push', tags: 'latest', 'push-through': way },
      image: `${name}${way}{round} => ${name}${rtt}${way}{round}/app`,
    })
  await runner.sh(
    `set -e; for round in $(seq 99 ${99 + rounds}); do for way in ssh https; do
node ${home}/image.mjs ${name}$way$round ${layers} 1 ${kilobytes} | docker load -q; done; done`,
    { user: 'runner', timeout: 600 },
  )
  const used = async () => {
    const each = await Promise.all(
      [runner, server].map(machine => machine.sh(`sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat`)),
    )
    return each.reduce((sum, microseconds) => sum + Number(microseconds) / 1e6, 0)
  }
  const ours: number[] = []
  const theirs: number[] = []
  const seconds = { ssh: 0, https: 0 }
  const steps = { ssh: await push('ssh'), https: await push('https') }
  for (let round = -1; round < rounds; round++)
    for (const way of ['ssh', 'https'] as const) {
      const before = await used()
      const [[time = Number.NaN] = []] = await stage.clock([at(steps[way], round)], 1, 0)
      if (round < 0) continue
      ;(way === 'ssh' ? ours : theirs).push(time)
      seconds[way] += (await used()) - before
    }
  await runner.sh(`docker images -q --filter reference='${name}*' | sort -u | xargs -r docker rmi -f`, {
    user: 'runner',
  })
  const cpu = (way: 'ssh' | 'https') => (seconds[way] / rounds).toFixed(1)
  return {
    work: `push through SSH, ${rtt} ms, ${layers} layers of ${kilobytes < 1024 ? `${kilobytes} kB` : `${kilobytes / 1024} MB`}`,
    beside: 'through HTTPS',
    // Shares of the speed, not of the time: the other way round.
    ours: ours.map(each => 60_000 / each),
    theirs: theirs.map(each => 60_000 / each),
    unit: '/min',
    ...(rtt === 1 && name === 'large' && { mark: { at: 'least', ratio: 0.8 } as const }),
    note: `both machines’ processors: ${cpu('ssh')} s, beside ${cpu('https')} s`,
  }
}

/** A command of this round: what the clock would put in, were all rounds its own. */
function at<Command extends object>(command: Command, round: number): Command {
  return JSON.parse(JSON.stringify(command).replaceAll('{round}', String(round + 100)))
}
