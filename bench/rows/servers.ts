import { createFleet, createStore, hasStore, storeConfig } from '../../lab/index.ts'
import type { Line } from '../line.ts'
import type { Stage } from '../stage.ts'

/** `up` with nothing to do, on three servers of one registry; nothing where there is no Go to build the store with. */
export async function servers(stage: Stage): Promise<Line[]> {
  if (!(await hasStore())) return []
  const [store, fleet] = await Promise.all([createStore(), createFleet(3)])
  try {
    const one = { 'registry-config': storeConfig(store) }
    const three = { ...one, ...fleet.inputs }
    for (const inputs of [three, one]) await stage.converge(inputs)
    const steps = [await stage.step(three), await stage.step(one)]
    const [ours = [], theirs = []] = await stage.clock(steps, 11)
    return [
      {
        work: '`up`, nothing to do, three servers',
        beside: 'the same with one',
        ours,
        theirs,
        mark: { at: 'most', ratio: 1.3 },
      },
    ]
  } finally {
    await fleet.remove()
    await store.remove()
  }
}
