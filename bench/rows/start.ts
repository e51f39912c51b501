import { statSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from '../../lab/place.ts'
import type { Line } from '../line.ts'
import { home, type Stage } from '../stage.ts'

/** From `node` starting to ssh starting: an ssh that ends its parent at once stands in for the real one. */
export async function start(stage: Stage): Promise<Line[]> {
  await stage.runner.write(`${home}/bin/ssh`, '#!/bin/sh\nkill -KILL $PPID\n', '755')
  const step = await stage.step()
  const path = `${home}/bin:${step.env?.PATH}`
  const [ours = [], theirs = []] = await stage.clock(
    [{ ...step, env: { ...step.env, PATH: path }, fails: true }, { argv: ['node', '-e', '0'] }],
    15,
  )
  const bundle = statSync(join(checkout, 'dist/index.js')).size / 1000
  return [
    { work: 'from `node` to ssh', beside: '`node -e 0`', ours, theirs, mark: { at: 'most', ratio: 2.5 } },
    {
      work: 'main bundle',
      beside: '1 MB',
      ours: [bundle],
      theirs: [1000],
      unit: 'kB',
      mark: { at: 'most', ratio: 1 },
    },
  ]
}
