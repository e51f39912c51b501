import { describe, expect, test } from '@jest/globals'
import { ApplyLog } from '../../src/converge/apply-log.ts'
import { Failure, type Topic } from '../../src/failure.ts'
import type { Preflight } from '../../src/resources/certificate/preflight.ts'
import type { Step } from '../../src/resources/resource.ts'
import { recorded } from '../recorded.ts'

const { desired } = recorded('trixie', 'bare')
const step = (resource: string, name = resource): Step => ({
  resource,
  changes: [{ action: 'create', summary: `make ${resource}` }],
  call: [name],
})

/** A log of these steps, and what it tells. */
function open(steps: readonly Step[], unreachable?: Failure) {
  const heard: string[] = []
  const tokens: string[] = []
  const preflight = {
    confirm: async (token: string) => {
      tokens.push(token)
      return unreachable
    },
  } as unknown as Preflight
  const log = new ApplyLog(
    desired,
    steps,
    {
      planned() {},
      done: ({ resource }, milliseconds) => heard.push(`done ${resource} ${milliseconds >= 0}`),
      said: text => heard.push(`said ${text}`),
      warned: ({ topic, message }) => heard.push(`warned ${topic}: ${message}`),
      debug: text => heard.push(`debug ${text}`),
    },
    preflight,
  )
  const hear = (text: string) => {
    for (const line of text.split('\n')) log.hear(line)
  }
  return { log, hear, heard, tokens }
}

/** How a run ends that said this. */
async function failure(text: string, unreachable?: Failure, ...more: Step[]) {
  const { log, hear } = open(
    [step('packages'), step('certificate', 'certificate_order'), ...more],
    unreachable,
  )
  hear(text)
  return log.failure()
}

describe('why it failed, and where that is explained', () => {
  test.each<[string, string, Topic, string]>([
    ['another run', 'berth:busy=900', 'busy', 'has been at work on this server for 900 s'],
    [
      'a step',
      'berth:start=1\nwords\nberth:failed=1',
      'step',
      'packages (make packages) failed; the server said:\n  words',
    ],
    ['a step, without a word', 'berth:start=1\nberth:failed=1', 'step', 'failed without any output'],
    [
      'a full disk, whatever the programs say of it',
      'berth:start=1\nCould not get lock \nNo space left on device\nberth:full=0 of 9M are free on /opt\nberth:failed=1',
      'diskFull',
      'packages (make packages) failed: the server’s disk is full: 0 of 9M are free on /opt',
    ],
    [
      'what the resource knows better',
      'berth:start=1\nE: Could not get lock /var/lib/dpkg/lock. It is held by process 7 (apt)\nberth:failed=1',
      'packageManager',
      'failed: another package manager (apt, process 7)',
    ],
    [
      'a cut in a step',
      'berth:start=1',
      'connectionLost',
      'packages (make packages) failed: the connection was cut off',
    ],
    ['a cut between steps', 'berth:start=1\nberth:ok=1', 'connectionLost', 'was cut off after 1 of 2 steps'],
    ['a cut before all', '', 'connectionLost', 'was cut off after 0 of 2 steps'],
    [
      'nginx, before any change',
      'nginx refuses its configuration as it is\nnginx: [emerg] x\nberth:failed=0',
      'nginx',
      'the server refused, and nothing was changed; the server said:\n  nginx refuses',
    ],
    ['something else, before any change', 'no way', 'step', 'the server refused, and nothing was changed'],
  ])('%s', async (_, text, topic, sentence) => {
    expect(await failure(text)).toMatchObject({ topic, message: expect.stringContaining(sentence) })
  })

  test('two at the same time are both told, and the first says where to read on', async () => {
    const found = await failure(
      'berth:start=1\nberth:start=2\nThe runner\nberth:failed=1\nNXDOMAIN\nberth:failed=2',
    )
    expect(found.topic).toBe('step')
    expect(found.message.split('\n').filter(line => line.includes(' failed'))).toHaveLength(2)
  })

  test('an order fails of what the runner saw, if it saw something', async () => {
    const unreachable = new Failure('port80', 'refuses connections on port 80')
    const text =
      'berth:start=2\nberth:token=abc\nthe runner did not give the word within 30 s\nberth:failed=2'
    expect(await failure(text, unreachable)).toMatchObject({
      topic: 'port80',
      message: 'certificate (make certificate) failed: refuses connections on port 80',
    })
    // Another step has nothing to do with that.
    const other = 'berth:start=1\nberth:token=abc\nx\nberth:failed=1'
    expect(await failure(other, unreachable)).toMatchObject({ topic: 'step' })
  })
})

test('what was planned and not possible is a warning, and not done', () => {
  const { log, hear, heard } = open([step('certificate', 'renewal_order'), step('site')])
  hear('berth:start=1\nNXDOMAIN\nberth:undone=1\nberth:ok=1\nberth:start=2\nberth:ok=2')
  expect(heard).toEqual([
    'debug NXDOMAIN',
    expect.stringMatching(
      /^warned authorityView: certificate \(make certificate\) was not possible: .* can’t resolve/,
    ),
    'done site true',
  ])
  expect(log.taken.map(({ resource }) => resource)).toEqual(['site'])
})

test('the token of an order is looked for from here', () => {
  const { hear, tokens } = open([step('certificate', 'certificate_order')])
  hear('berth:start=1\nberth:token=abc')
  expect(tokens).toEqual(['abc'])
})

test('what it says on the way is said, and what programs print is for debugging', () => {
  const { hear, heard } = open([step('packages')])
  hear('berth:say=waiting\n berth:ok=1\n\n')
  expect(heard).toEqual(['said waiting', 'debug  berth:ok=1'])
})

test('numbers of no step are nothing', () => {
  const { log, hear, heard } = open([step('packages')])
  hear('berth:start=7\nberth:ok=x\nberth:failed=-1\nberth:ok=0')
  expect(heard).toEqual([])
  expect(log.taken).toEqual([])
})
