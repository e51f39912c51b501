import type { Line } from '../line.ts'
import { home, type Stage } from '../stage.ts'

/** An address of the runner on which the far server answers. */
const far = '127.0.0.77'

/** `up` with nothing to do, over ways of 1, 10 and 100 ms: both SSH and HTTPS go them. */
export async function latency(stage: Stage): Promise<Line[]> {
  const { runner, server } = stage
  await stage.converge()
  const step = await stage.step()
  const lines: Line[] = []
  for (const rtt of [1, 10, 100]) {
    await runner.sh(`echo '${far} ${server.domain}' >>/etc/hosts
systemd-run --quiet --unit bench-delay node ${home}/delay.mjs ${rtt} ${server.address.v4} ${far} 22 443
until ss -ltnH 'sport = :443' | grep -q ${far}; do sleep 0.1; done`)
    try {
      const [ours = [], theirs = []] = await stage.clock([step, stage.ssh('true')])
      const mark = { at: 'most', ratio: 1.5 } as const
      const work = `\`up\`, nothing to do, ${rtt} ms round trip`
      lines.push({ work, beside: '`ssh host true`', ours, theirs, ...(rtt === 100 && { mark }) })
    } finally {
      // Docker mounts the file, so it can't be renamed.
      await runner.sh(
        `systemctl stop bench-delay; hosts=$(grep -v '^${far} ' /etc/hosts); echo "$hosts" >/etc/hosts`,
      )
    }
  }
  return lines
}
