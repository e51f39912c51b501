import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type GitHub, github } from '../../lab/github.ts'
import { Failure } from '../../src/failure.ts'
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
  const server = {
    ...context.servers[0],
    run: () => Promise.reject(new Error('no way')),
    close: async () => {},
  }
  await expect(plan(inputs, { ...context, servers: [server as never] })).rejects.toThrow('no way')
  expect(hub.comments).toMatchObject([{ body: expect.stringContaining('no way') }])
  expect(hub.comments[0]?.body).not.toContain('add ci')
})

test('a plan with `keep` that fails leaves the comment of one without alone', async () => {
  const { inputs, context } = inPull()
  await plan(inputs, context)
  const server = { run: () => Promise.reject(new Error('no way')), close: async () => {} }
  await expect(plan({ ...inputs, keep: [] }, { ...context, servers: [server as never] })).rejects.toThrow(
    'no way',
  )
  expect(hub.comments).toMatchObject([
    { body: expect.stringContaining('+ users: add ci') },
    { body: expect.stringContaining('no way') },
  ])
})

test('a cancelled job says nothing about the server', async () => {
  const { inputs, context, cancelled } = inPull()
  cancelled.abort()
  const server = { run: () => Promise.reject(new Error('cancelled')), close: async () => {} }
  await expect(plan(inputs, { ...context, servers: [server as never] })).rejects.toThrow('cancelled')
  expect(hub.comments).toEqual([])
})

const packed = (text: string) => gzipSync(text).toString('base64')
const now = Math.floor(Date.now() / 1000)

test('what `up` would change is shown, also if `keep` is refused', async () => {
  const rule = { pattern: 'a', tags: [], last: 0, days: undefined, pulled: undefined, untagged: undefined }
  const { inputs, context, events } = inPull()
  const [recorded] = context.servers
  const images = `time ${now}\ndisk 9 9\nblob sha256:aa 10 0\nrepository a\nrevision 0 5 5 0\ntag old 0 5 5\naside 0\n`
  const server = {
    run: async (script: string, onLine: () => void) =>
      script.includes('\nretention_look ')
        ? `berth:retention.domain=${inputs.desired.domain}\nberth:retention.store=${packed(images)}\n`
        : recorded?.run(script, onLine),
    close: async () => {},
  }
  await expect(
    plan({ ...inputs, keep: [{ ...rule, empty: false }] }, { ...context, servers: [server as never] }),
  ).rejects.toThrow('would leave nothing in a')
  expect(events).toContain('planned true')
  expect(hub.comments).toMatchObject([
    {
      body: expect.stringMatching(
        /\+ users: add ci[\s\S]*would delete nothing:[\s\S]*would leave nothing in a/,
      ),
    },
  ])
})

test('`keep` is refused for a registry that serves from elsewhere, unless `up` would change it', async () => {
  const rule = { pattern: 'a', tags: [], last: 1, days: undefined, pulled: undefined, untagged: undefined }
  const { inputs, context } = scene({ state: 'converged' }, { keep: [{ ...rule, empty: false }] })
  const [recorded] = context.servers
  const images = `time ${now}\ndisk 9 9\nblob sha256:aa 10 0\nrepository a\nrevision 0 5 5 0\ntag old 0 5 5\naside 0\n`
  const config = Buffer.from('storage: { s3: { bucket: my-images } }').toString('base64')
  const server = {
    run: async (script: string, onLine: () => void) =>
      script.includes('\nretention_look ')
        ? `berth:retention.domain=${inputs.desired.domain}\nberth:retention.config=${config}\nberth:retention.store=${packed(images)}\n`
        : recorded?.run(script, onLine),
    close: async () => {},
  }
  const planned = (config: Record<string, unknown>) => {
    const desired = { ...inputs.desired, registry: { ...inputs.desired.registry, config } }
    return plan({ ...inputs, desired }, { ...context, servers: [server as never] })
  }
  await expect(planned({})).rejects.toThrow('has its images in the bucket my-images at AWS')
  expect(await planned({ log: { level: 'debug' } })).toMatchObject({ retention: { ruled: true } })
})

describe('what keep means for the images of several servers', () => {
  const images = `time ${now}\ndisk 0 0\nnoatime\nblob sha256:aa 10 0\nblob sha256:bb 10 0\nrepository a\nrevision 0 5 5 0\nrevision 1 6 6 0\ntag old 0 5 5\ntag new 1 6 6\naside 0\n`

  /** Two servers, of which the second has seen a pull of the older tag, or has no registry yet. */
  function two(second: 'log' | 'nothing' | 'down') {
    const rule = { pattern: 'a', tags: [], last: 1, days: undefined, untagged: undefined, empty: false }
    const { inputs, context, events } = scene({}, { keep: [{ ...rule, pulled: 3 }] })
    const { domain } = inputs.desired
    const [recorded] = context.servers
    const server = (logs: () => string) => ({
      run: async (script: string, onLine: () => void) => {
        if (script.includes('\nretention_logs ')) return logs()
        return script.includes('\nretention_look ')
          ? `berth:retention.domain=${domain}\nberth:retention.store=${packed(`logs ${now - 900_000}\n${images}`)}\n`
          : recorded?.run(script, onLine)
      },
      close: async () => void events.push('close'),
    })
    const log = (pulls: string) =>
      `berth:retention.domain=${domain}\nberth:retention.layers=\nberth:retention.pulls=${packed(pulls)}\n`
    const others = {
      log: () => log(`logs ${now - 900_000}\npull a old ${now}\n`),
      nothing: () => 'berth:retention.domain=\n',
      down: () => {
        throw new Failure('connection', 'there is no way to it')
      },
    }
    const target = (host: string) => ({
      ...{ host, port: 22, address: host, user: 'root', key: '', passphrase: undefined, plainKey: true },
      ...{ knownHosts: [], fingerprints: [], jump: undefined, sudoPassword: undefined },
    })
    const desired = { ...inputs.desired, shared: { peers: ['web2'], secret: 'x' } }
    return {
      inputs: { ...inputs, desired, targets: [target('web1'), target('web2')] },
      context: { ...context, servers: [server(() => log('')), server(others[second])] as never[] },
      events,
    }
  }

  test.each([
    ['log', []],
    ['nothing', ['old']],
  ] as const)('the other server has: %s', async (second, deleted) => {
    const { inputs, context, events } = two(second)
    const { retention } = await plan(inputs, context)
    expect(retention?.repositories.flatMap(({ goes }) => goes.map(({ tag }) => tag))).toEqual(deleted)
    expect(events.filter(each => each === 'close')).toHaveLength(2)
  })

  test('nothing is said of them while one can’t be asked', async () => {
    const { inputs, context, events } = two('down')
    await expect(plan(inputs, context)).rejects.toThrow('web2: there is no way to it')
    expect(events.join()).not.toContain('old')
  })
})
