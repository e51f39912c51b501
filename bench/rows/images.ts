import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseKeep } from '../../src/inputs/keep.ts'
import { orders } from '../../src/retention/collected.ts'
import { parseInventory } from '../../src/retention/inventory.ts'
import { planRetention } from '../../src/retention/retention.ts'
import type { Line } from '../line.ts'
import { home, type Stage } from '../stage.ts'

const data = '/root/images'
const day = 24 * 60 * 60
const rounds = 3

/** What looking at images and deleting half of them costs the server, beside the registry’s own look for garbage, by their number. */
export async function images(stage: Stage): Promise<Line[]> {
  const { server, runner } = stage
  await server.write('/root/images.py', await runner.read(`${home}/images.py`))
  await server.write(
    '/root/store.pl',
    readFileSync(join(import.meta.dirname, '../../src/retention/store.pl'), 'utf8'),
  )
  await server.write(
    '/root/config.yml',
    `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${data} } }\nhttp: { addr: ':0' }\n`,
  )
  await server.sh(
    'container=$(docker create registry:3.1.2) && docker cp -q $container:/bin/registry /root/registry && docker rm $container >/dev/null && touch /root/nothing',
  )
  const clock = async (command: string, input = '/root/nothing'): Promise<Cost> =>
    JSON.parse(await server.sh(`python3 /root/images.py clock ${input} ${command}`, { timeout: 1800 }))
  const store = (command: string) => `perl /root/store.pl ${command} ${data} 65532:65532 ${day}`
  const lines: Line[] = []
  for (const count of [1000, 10_000, 50_000]) {
    // In memory, where it is made and gone in a minute; what is measured is the processor.
    await server.sh(
      `umount ${data} 2>/dev/null; mkdir -p ${data} && mount -t tmpfs -o size=10g,nr_inodes=0 tmpfs ${data} && chmod 711 /root && python3 /root/images.py fill ${data}/docker/registry/v2 ${count}`,
      { timeout: 1800 },
    )
    const looks: Cost[] = []
    const dryRuns: Cost[] = []
    for (let round = 0; round < (count > 10_000 ? 1 : rounds); round++) {
      looks.push(await clock(store('look')))
      dryRuns.push(await clock('/root/registry garbage-collect --dry-run /root/config.yml'))
    }
    // The registry has read everything, which looks as if all were just pulled.
    await server.sh(`find ${data} -type f -exec touch -a -d '100 days ago' {} +`, { timeout: 900 })
    await clock(store('look'))
    const text = gunzipSync(Buffer.from(await server.sh('gzip -c /root/said | base64 -w 0'), 'base64'))
    const before = process.cpuUsage()
    const inventory = parseInventory(text.toString())
    const keep = parseKeep('fill/**: { last: 100 }', message => {
      throw new Error(message)
    })
    const plan = orders(planRetention(keep, inventory, day))
    const { user, system } = process.cpuUsage(before)
    await server.write('/root/orders', plan)
    const collection = await clock(store('collect'), '/root/orders')
    const said = await server.sh('cat /root/said')
    if (!said.includes(`moved `) || /^moved 0/m.test(said)) throw new Error(said)
    const beside = 'registry 3.1.2: `garbage-collect --dry-run`'
    const note = `${megabytes(looks)} MB, beside ${megabytes(dryRuns)} MB; the runner: ${((user + system) / 1e6).toFixed(1)} s`
    lines.push(
      {
        work: `a plan for ${count} images, seconds of one core`,
        ...{ beside, note, ours: milliseconds(looks), theirs: milliseconds(dryRuns) },
        mark: { at: 'most', ratio: 0.33 },
      },
      {
        work: `deleting half of ${count} images, seconds of one core`,
        ...{ beside, ours: milliseconds([collection]), theirs: milliseconds(dryRuns) },
        note: `${megabytes([collection])} MB; ${said.trim().split('\n').at(-3)}`,
      },
    )
  }
  await server.sh(`umount ${data} && rmdir ${data} && chmod 700 /root`)
  return lines
}

interface Cost {
  seconds: number
  kilobytes: number
}

function milliseconds(costs: readonly Cost[]): number[] {
  return costs.map(({ seconds }) => seconds * 1000)
}

function megabytes(costs: readonly Cost[]): number {
  return Math.round(Math.max(...costs.map(({ kilobytes }) => kilobytes)) / 1024)
}
