import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import type { Desired } from '../../src/desired.ts'
import { clean } from '../../src/modes/clean.ts'
import type { Server } from '../../src/server/server.ts'
import { scene } from './scene.ts'

const packed = (text: string) => gzipSync(text).toString('base64')
const seconds = () => Math.floor(Date.now() / 1000)

const store = (time = seconds()) =>
  `time ${time}\ndisk 1000 100\nblob sha256:aa 10 0\nblob sha256:bb 10 0\nrepository a\nrevision 0 5 5 0\nrevision 1 6 6 0\ntag old 0 5 5\ntag new 1 6 6\naside 0\n`

/** A server that holds two images, and does what it is told. */
function holding({ text = store(), result = 'moved 10 1\nfreed 0\nrestored 0\n', config = {} } = {}) {
  const { inputs, context, events } = scene(
    {},
    {
      keep: [
        {
          pattern: 'a',
          tags: [],
          last: 1,
          days: undefined,
          pulled: undefined,
          untagged: undefined,
          empty: false,
        },
      ],
    },
  )
  const scripts: string[] = []
  const server = {
    async run(script: string) {
      scripts.push(script)
      return script.includes('\nlock ')
        ? `berth:retention.result=${packed(result)}\nberth:end\n`
        : `berth:retention.domain=${inputs.desired.domain}\nberth:retention.store=${packed(text)}\n`
    },
    async close() {},
  } as unknown as Server
  const desired: Desired = { ...inputs.desired, registry: { ...inputs.desired.registry, config } }
  return {
    inputs: { ...inputs, desired },
    context: { ...context, servers: [server] },
    scripts,
    events,
    server,
  }
}

test('it looks, and has the server take out what keep does not keep', async () => {
  const { inputs, context, scripts } = holding()
  const outcome = await clean(inputs, context)
  expect(scripts).toHaveLength(2)
  expect(scripts[1]).toContain('tag a old sha256:aa 5\nmanifest a sha256:aa 5\n')
  expect(outcome).toMatchObject({ collected: { moved: 10 }, retention: { freed: 10 } })
})

test('undo asks for no plan', async () => {
  const { inputs, context, scripts, events } = holding({ result: 'back a old\nrestored 1 1\n' })
  const { collected } = await clean({ ...inputs, undo: true }, context)
  expect(collected?.restored).toEqual({ tags: ['a:old'], blobs: 1 })
  expect(scripts).toHaveLength(1)
  expect(scripts[0]).toContain('retention_run undo ')
  expect(events).toContain('said put back 1 tag and 1 blob\n+ a:old')
})

test.each<[string, Parameters<typeof holding>[0], RegExp, number]>([
  ['another root', { config: { storage: { filesystem: { rootdirectory: '/x' } } } }, /`rootdirectory`/, 0],
  ['a clock that is wrong', { text: store(seconds() - 7200) }, /120 minutes apart/, 1],
])('nothing is touched with %s', async (_, options, message, asked) => {
  const { inputs, context, scripts } = holding(options)
  await expect(clean(inputs, context)).rejects.toThrow(message)
  expect(scripts).toHaveLength(asked)
})

test('a server without this registry says so', async () => {
  const { inputs, context } = holding()
  const server = {
    run: async () => 'berth:retention.domain=another.example\n',
    close: async () => {},
  } as unknown as Server
  await expect(clean(inputs, { ...context, servers: [server] })).rejects.toThrow('has no registry')
})

describe('several servers', () => {
  const s3 = { region: 'eu-central-1', bucket: 'my-images', accesskey: 'id', secretkey: 'hidden' }
  const config = { storage: { filesystem: null, s3 } }
  const target = (host: string) => ({
    ...{ host, port: 22, address: host, user: 'root', key: '', passphrase: undefined, plainKey: true },
    ...{ knownHosts: [], fingerprints: [], jump: undefined, sudoPassword: undefined },
  })

  /** One that collects, and one beside it with a log. */
  function two(other: () => string) {
    const { inputs, context, scripts, events } = holding({ config })
    const beside: string[] = []
    const second = {
      async run(script: string) {
        beside.push(script)
        return other()
      },
      async close() {},
    } as unknown as Server
    const [first] = context.servers
    if (first === undefined) throw new Error('no server')
    const collector = {
      ...first,
      run: async (script: string) =>
        script.includes('\nretention_logs ') || script === 'echo berth:here\n'
          ? `berth:retention.domain=${inputs.desired.domain}\nberth:retention.layers=${packed('own')}\n`
          : first.run(script),
    } as unknown as Server
    return {
      inputs: {
        ...inputs,
        targets: [target('web1'), target('web2')],
        desired: { ...inputs.desired, shared: { peers: ['web2'], secret: 'x' } },
      },
      context: { ...context, servers: [collector, second] },
      ...{ scripts, beside, events },
    }
  }

  test('one collects, and counts what the logs of the others tell', async () => {
    const log = packed('a line of its log')
    const { inputs, context, scripts, beside } = two(
      () => `berth:retention.domain=${inputs.desired.domain}\nberth:retention.layers=${log}\n`,
    )
    await clean(inputs, context)
    expect(beside.every(each => each.includes('\nretention_logs '))).toBe(true)
    // The last puts back what they tell once all is done.
    const command = /"command":"(\w+)"/
    expect(scripts.map(each => command.exec(each)?.[1])).toEqual(['look', 'collect', 'settle'])
    expect(beside).toHaveLength(3)
    for (const each of scripts) expect(each).toContain(`\nOTHER_LOGS=${log}`)
    expect(scripts[0]).not.toContain(packed('own'))
  })

  test('one that can’t be asked any more afterwards is only warned of, for the next run puts things back', async () => {
    let asked = 0
    const { inputs, context, scripts, events } = two(() => {
      if (asked++ === 2) throw new Error('there is no way to it')
      return `berth:retention.domain=${inputs.desired.domain}\nberth:retention.layers=${packed('a line')}\n`
    })
    expect(await clean(inputs, context)).toMatchObject({ collected: { moved: 10 } })
    expect(scripts).toHaveLength(2)
    expect(events.join('\n')).toMatch(
      /there is no way to it\. What clients do there is not known, so what they/,
    )
  })

  test('nothing is deleted while one of them can’t be asked', async () => {
    const { inputs, context, scripts } = two(() => {
      throw new Error('there is no way to it')
    })
    await expect(clean(inputs, context)).rejects.toThrow(
      /^web2: there is no way to it\. What clients do there is not known/,
    )
    expect(scripts).toEqual([])
  })
})
