import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type GitHub, github } from '../../lab/github.ts'
import { plan } from '../../src/modes/plan.ts'
import { scene } from './scene.ts'

let hub: GitHub
beforeEach(async () => {
  hub = await github('ghs_0', '127.0.0.1')
})
afterEach(() => hub.close())

const inPull = (changes: Parameters<typeof scene>[0] = {}) => {
  const { inputs, context, ...rest } = scene(changes, { githubToken: 'ghs_0' })
  return { inputs, context: { ...context, github: { name: 'octocat/app', api: hub.api, pull: 7 } }, ...rest }
}

test('it looks, and changes nothing', async () => {
  const { inputs, context, events } = scene({})
  expect(await plan(inputs, context)).toMatchObject({ applied: false, pushed: [] })
  expect(events).toEqual(['look', 'close', 'planned true'])
})

test('a pull request is told what would change', async () => {
  const { inputs, context } = inPull()
  await plan(inputs, context)
  expect(hub.comments).toMatchObject([{ issue: 7, body: expect.stringContaining('+ users: add ci') }])
})

test('when there is no plan, an older one does not stay', async () => {
  const { inputs, context } = inPull()
  await plan(inputs, context)
  const server = { ...context.server, run: () => Promise.reject(new Error('no way')), close: async () => {} }
  await expect(plan(inputs, { ...context, server: server as never })).rejects.toThrow('no way')
  expect(hub.comments).toMatchObject([{ body: expect.stringContaining('no way') }])
  expect(hub.comments[0]?.body).not.toContain('add ci')
})

test('a cancelled job says nothing about the server', async () => {
  const { inputs, context, cancelled } = inPull()
  cancelled.abort()
  const server = { run: () => Promise.reject(new Error('cancelled')), close: async () => {} }
  await expect(plan(inputs, { ...context, server: server as never })).rejects.toThrow('cancelled')
  expect(hub.comments).toEqual([])
})
