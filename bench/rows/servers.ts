import { createFleet, createStore, hasStore, storeConfig } from '../../lab/index.ts'
import type { Line } from '../line.ts'
import { delayed, type Stage } from '../stage.ts'

/**
 * `up` with nothing to do, on three servers of one registry: on this machine, whose processors all of them share, and over ways that
 * take time, as between machines of their own. Nothing where there is no Go to build the store with.
 */
export async function servers(stage: Stage): Promise<Line[]> {
  if (!(await hasStore())) return []
  const [store, fleet] = await Promise.all([createStore(), createFleet(3)])
  try {
    const one = { 'registry-config': storeConfig(store) }
    const three = { ...one, ...fleet.inputs }
    for (const inputs of [three, one]) await stage.converge(inputs)
    const steps = [await stage.step(three), await stage.step(one)]
    const ways = [stage.server, ...fleet.servers].map(({ domain, address }) => ({
      // The registry's name leads to the first of its servers.
      names: domain === fleet.servers[0]?.domain ? [domain, fleet.domain] : [domain],
      address: address.v4,
    }))
    const lines: Line[] = []
    const measure = async (work: string) => {
      const [ours = [], theirs = []] = await stage.clock(steps, 11)
      lines.push({ work, beside: 'the same with one', ours, theirs, mark: { at: 'most', ratio: 1.3 } })
    }
    const work = '`up`, nothing to do, three servers'
    await measure(work)
    for (const rtt of [10, 100])
      await delayed(stage, rtt, () => measure(`${work}, ${rtt} ms round trip`), ways)
    return lines
  } finally {
    await fleet.remove()
    await store.remove()
  }
}
