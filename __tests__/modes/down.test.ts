import { expect, test } from '@jest/globals'
import { planDown } from '../../src/converge/plan.ts'
import { down } from '../../src/modes/down.ts'
import { recorded } from '../recorded.ts'
import { scene } from './scene.ts'

const { desired, facts } = recorded('trixie', 'converged')
const { steps } = planDown(desired, facts)
const all = steps.map((_, index) => `berth:start=${index + 1}\nberth:ok=${index + 1}\n`).join('')

test('what is Berth’s goes, last first, and the registry is not looked at any more', async () => {
  const { inputs, context, events } = scene(
    { state: 'converged', applied: `${all}berth:end=ok\n` },
    { desired },
  )
  const outcome = await down(inputs, context)
  expect(outcome).toMatchObject({ applied: true, pushed: [] })
  expect(outcome.steps.map(({ resource }) => resource)).toEqual(steps.map(({ resource }) => resource))
  expect(events.filter(each => each.startsWith('group'))).toEqual(['group Server undefined'])
  expect(events.at(-1)).toBe('close')
})

test('where there is nothing, nothing is done', async () => {
  const { inputs, context, events } = scene({}, { desired })
  expect((await down(inputs, context)).steps).toEqual([])
  expect(events).not.toContain('apply')
})
