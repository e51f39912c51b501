import { describe, expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import { Cancelled, Failure } from '../../src/failure.ts'
import { lookAtEach, onServer, onServers, seenAtEach, serversTitle, short } from '../../src/modes/servers.ts'
import type { Server } from '../../src/server/server.ts'
import { scene } from './scene.ts'

const target = (host: string, address: string): Target => ({
  ...{ host, port: 22, address, user: 'root', key: 'KEY\n', passphrase: undefined, plainKey: true },
  ...{ knownHosts: [], fingerprints: [], jump: undefined, sudoPassword: undefined },
})

/** Three servers, of which some can’t be reached. */
function three(down: readonly number[] = []) {
  const targets = [1, 2, 3].map(number => target(`web${number}.example.com`, `10.0.0.${number}`))
  const { inputs, context, events } = scene({}, { targets })
  const servers = targets.map(
    ({ host }, index) =>
      ({
        run: async () => {
          if (down.includes(index + 1)) throw new Failure('connection', 'there is no way to it')
          return host
        },
        close: async () => events.push(`close ${host}`),
      }) as unknown as Server,
  )
  const desired = { ...inputs.desired, shared: { peers: ['10.0.0.2', '10.0.0.3'], secret: 'abc' } }
  return { inputs: { ...inputs, desired }, context: { ...context, servers }, events }
}

describe('work on several servers', () => {
  test('is done on each, which knows the others, and the connections are closed', async () => {
    const { inputs, context, events } = three()
    const { done, failed } = await onServers(inputs, context, ({ desired }) =>
      Promise.resolve(desired.shared),
    )
    expect(failed).toEqual([])
    expect(done.map(({ one, result }) => [one.name, result?.peers])).toEqual([
      ['web1.example.com', ['10.0.0.2', '10.0.0.3']],
      ['web2.example.com', ['10.0.0.1', '10.0.0.3']],
      ['web3.example.com', ['10.0.0.1', '10.0.0.2']],
    ])
    expect(events.filter(each => each.startsWith('close'))).toHaveLength(3)
  })

  test('begins everywhere before it ends anywhere', async () => {
    const { inputs, context } = three()
    let begun = 0
    let all = () => {}
    const together = new Promise<void>(resolve => {
      all = resolve
    })
    await onServers(inputs, context, () => {
      begun += 1
      if (begun === 3) all()
      return together
    })
    expect(begun).toBe(3)
  })

  test('goes on where it can, and says where it could not', async () => {
    const { inputs, context } = three([2])
    const { done, failed } = await onServers(inputs, context, ({ server }) => server.run(''))
    expect(done.map(({ result }) => result)).toEqual(['web1.example.com', 'web3.example.com'])
    expect(failed.map(({ failure }) => failure)).toMatchObject([
      { topic: 'connection', message: 'web2.example.com: there is no way to it' },
    ])
  })

  test('fails where none can be reached', async () => {
    const { inputs, context } = three([1, 2, 3])
    await expect(onServers(inputs, context, ({ server }) => server.run(''))).rejects.toMatchObject({
      topic: 'connection',
      message: expect.stringMatching(/^web1\.example\.com: .*\nweb2\.example\.com: .*\nweb3\.example\.com: /),
    })
  })

  test('keeps the connections that are still needed', async () => {
    const { inputs, context, events } = three()
    await onServers(inputs, context, async () => {}, true)
    expect(events).toEqual([])
  })

  test('marks the steps of each', async () => {
    const { inputs, context } = three()
    const { done } = await onServers(inputs, context, async ({ plans, desired }) =>
      plans(() => ({ steps: [{ resource: 'x', changes: [], call: ['x'] }], warnings: [] }))(
        desired,
        {} as never,
      ),
    )
    expect(done.flatMap(({ result }) => result.steps.map(({ server }) => server))).toEqual(
      [1, 2, 3].map(number => `web${number}.example.com`),
    )
  })
})

describe('work on one server', () => {
  const ask = (server: Server) => server.run('')

  test('is done on the first that lets us in', async () => {
    expect(await onServer(three([1]).context, ask)).toBe('web2.example.com')
    await expect(onServer(three([1, 2, 3]).context, ask)).rejects.toThrow('no way to it')
  })

  test('asks for one where there is none', async () => {
    await expect(onServer({ ...three().context, servers: [] }, ask)).rejects.toMatchObject({
      topic: 'input',
    })
  })

  test('closes all connections when it is done, and when it fails', async () => {
    const { context, events } = three()
    await onServer(context, ask)
    await expect(onServer(context, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(events.filter(each => each.startsWith('close'))).toHaveLength(6)
  })
})

test('the group of the log names all', () => {
  const { inputs } = three()
  expect(serversTitle(inputs)).toBe('Servers web1.example.com, web2.example.com, web3.example.com')
  expect(serversTitle({ ...inputs, targets: inputs.targets.slice(0, 1) })).toBe('Server web1.example.com')
})

test('servers behind one address are told apart by their ports, and none is looked at in place of another', async () => {
  const behind = [2201, 2202].map((port, index) => ({ ...target('127.0.0.1', `10.0.0.${index + 1}`), port }))
  const { inputs, context } = three()
  const natted = { ...inputs, targets: behind }
  expect(serversTitle(natted)).toBe('Servers 127.0.0.1:2201, 127.0.0.1:2202')
  const said: string[] = []
  const beside: typeof context.beside = (_, column) => ({
    ...context.listener,
    said: text => said.push(`${column}: ${text}`),
  })
  const { done } = await onServers(
    natted,
    { ...context, beside, servers: context.servers.slice(0, 2) },
    async () => {},
  )
  const looked: string[] = []
  await seenAtEach(
    natted,
    done.map(({ one }) => one),
    async () => void looked.push('looked'),
  )
  expect(looked).toEqual([])
  expect(said).toEqual([
    expect.stringMatching(/^127\.0\.0\.1:2201: .*was not looked at$/),
    expect.stringMatching(/^127\.0\.0\.1:2202: .*was not looked at$/),
  ])
  expect(await Promise.all(lookAtEach(natted).values())).toEqual([false])
})

test('once the job is cancelled nothing goes on', async () => {
  const { inputs, context } = three()
  const work = onServers(inputs, { ...context, cancelled: AbortSignal.abort() }, async () => {})
  await expect(work).rejects.toBeInstanceOf(Cancelled)
})

test.each([
  [
    ['web1.example.com', 'a.example.com'],
    ['web1', 'a   '],
  ],
  [
    ['web.a.example.com', 'web.b.example.com'],
    ['web.a', 'web.b'],
  ],
  [
    ['10.0.0.1', '10.0.0.12'],
    ['10.0.0.1 ', '10.0.0.12'],
  ],
  [
    ['web1', 'web2.example.com'],
    ['web1            ', 'web2.example.com'],
  ],
])('%j as a column', (hosts, columns) => expect(short(hosts)).toEqual(columns))
