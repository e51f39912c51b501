import { expect, test } from '@jest/globals'
import { asFailure, Failure } from '../../src/failure.ts'
import { Log } from '../../src/report/log.ts'
import type { Step } from '../../src/resources/resource.ts'

const env = {
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_ACTION_REPOSITORY: 'berth/berth',
  GITHUB_ACTION_REF: 'v1',
}
const site: Step = {
  resource: 'site',
  changes: [
    { action: 'update', summary: 'conf', file: { path: '/etc/x', before: 'a\n', after: 'b\n' } },
    { action: 'create', summary: 'link' },
  ],
  call: ['x'],
}

/** A log, and what GitHub would be told, a line each. */
function open() {
  const lines: string[] = []
  const say =
    (kind: string) =>
    (text: string, properties?: { title: string }): void => {
      lines.push([kind, properties?.title, text].filter(Boolean).join('|'))
    }
  const console = {
    info: say(''),
    debug: say('debug'),
    warning: say('warning'),
    error: say('error'),
    startGroup: say('group'),
    endGroup: () => lines.push('end'),
  }
  let now = 0
  const log = new Log(console, env, () => {
    now += 100
    return now
  })
  return { log, lines }
}

test('each phase has a group, each change a line with its time', async () => {
  const { log, lines } = open()
  await log.group('Server x', async () => {
    log.planned([site], false)
    log.done(site, 1234)
  })
  await log.group('Push', async () => log.said('pushed'))
  expect(lines).toEqual([
    'group|Server x',
    '2 changes to make',
    'end',
    'group|Plan: 2 changes',
    '~ site: conf',
    expect.stringContaining('-[not shown]\n  +b'),
    '+ site: link',
    'end',
    'group|Change the server',
    '~ site: conf  1.2 s',
    '+ site: link',
    'end',
    'group|Push',
    'pushed',
    'end',
  ])
  expect(log.phases.map(({ what }) => what)).toEqual([
    'Server x',
    'Plan: 2 changes',
    'Change the server',
    'Push',
  ])
  expect(log.phases[0]?.milliseconds).toBe(100)
  expect(log.taken.get(site)).toBe(1234)
})

test('a server that is as it should be takes one line', async () => {
  const { log, lines } = open()
  await log.group('Server x', async () => log.planned([], false))
  expect(lines).toEqual(['group|Server x', 'nothing to do: the server is as it should be', 'end'])
})

test('a plan that was asked for is not folded away', () => {
  const { log, lines } = open()
  log.planned([site], true)
  expect(lines.filter(line => /group|end/.test(line))).toEqual([])
})

test('a group that fails is closed', async () => {
  const { log, lines } = open()
  await expect(log.group('Push', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(lines).toEqual(['group|Push', 'end'])
})

test('annotations have a title without anything of the user’s, and a link', () => {
  const { log, lines } = open()
  log.failed(new Failure('dns', 'the name secret.example.com does not resolve; add its DNS record'))
  log.warned(asFailure(new Error('nobody has thought of this')))
  const page = 'https://github.com/berth/berth/blob/v1/docs/troubleshooting.md'
  expect(lines).toEqual([
    `error|Berth: DNS does not point to the server|the name secret.example.com does not resolve; add its DNS record\n${page}#dns-does-not-point-to-the-server`,
    `warning|Berth: failed|nobody has thought of this\n${page}`,
  ])
})

test('no server can write a line in the name of another one', () => {
  const { log, lines } = open()
  log.beside('web2', 'web2').said('installing\rweb1 | done\u2028web1 | all well\x0bweb1 | fine')
  expect(lines.join('\n').split('\n')).toEqual([
    'web2 | installing',
    'web2 | web1 | done',
    'web2 | web1 | all well',
    'web2 | web1 | fine',
  ])
})

test('of several servers each line says which it is about, and all of it is the plan', () => {
  const { log, lines } = open()
  const [one, two] = [log.beside('web1.example.com', 'web1'), log.beside('b.example.com', 'b   ')]
  const step = { ...site, server: 'web1.example.com' }
  one.planned([step], false)
  two.planned([], false)
  one.done(step, 1234)
  two.said('first\nsecond')
  two.warned(new Failure('dns', 'no'))
  expect(lines).toEqual([
    'web1 | ~ site: conf',
    expect.stringMatching(/^web1 \| .*(\nweb1 \| .*)+$/),
    'web1 | + site: link',
    'b    | nothing to do: the server is as it should be',
    'web1 | done: ~ site: conf  1.2 s',
    'b    | first\nb    | second',
    expect.stringContaining('|b.example.com: no\n'),
  ])
  expect(log.steps).toEqual([step])
  one.planned([], false)
  expect(log.steps).toEqual([])
})
