import { describe, expect, test } from '@jest/globals'
import { converge, look } from '../../src/converge/converge.ts'
import type { Step } from '../../src/resources/resource.ts'
import { recorded } from '../recorded.ts'

const { desired, output } = recorded('trixie', 'bare')
const step = (resource: string): Step => ({
  resource,
  changes: [{ action: 'create', summary: `make ${resource}` }],
  call: [resource],
})
const steps = [step('users'), step('site')]

/** Converges a server that answers the facts script as recorded, and the apply script with these texts, one a time. */
async function answers(...texts: string[]) {
  const heard: string[] = []
  let applied = 0
  const server = {
    async run(script: string, onLine: (line: string) => void = () => {}) {
      if (!script.includes('\nlock ')) return output
      const text = texts[applied++] ?? ''
      for (const line of text.split('\n')) onLine(line)
      return text
    },
  }
  const taken = await converge(server, desired, () => ({ steps, warnings: [] }), {
    planned: planned => heard.push(`planned ${planned.length}`),
    done: done => heard.push(`done ${done.resource}`),
    said: text => heard.push(`said ${text}`),
    warned: ({ message }) => heard.push(`warned ${message}`),
    debug: text => heard.push(`debug ${text}`),
  })
  return { taken, heard, applied }
}

const good = '\nberth:start=1\nwords\n\nberth:ok=1\n\nberth:start=2\n\nberth:ok=2\n\nberth:end=ok\n'

test('all steps are taken, and told as they go', async () => {
  const { taken, heard } = await answers(good)
  expect(taken).toEqual(steps)
  expect(heard).toEqual(['planned 2', 'debug words', 'done users', 'done site'])
})

test('steps that run at the same time are told apart', async () => {
  const { taken, heard } = await answers(
    '\nberth:start=1\n\nberth:start=2\nof 1\n\nberth:ok=1\nof 2\n\nberth:ok=2\n\nberth:end=ok\n',
  )
  expect(taken).toEqual(steps)
  expect(heard).toEqual(['planned 2', 'debug of 1', 'done users', 'debug of 2', 'done site'])
})

test('nothing to do, nothing is sent', async () => {
  const run = async (script: string) => {
    expect(script).not.toContain('\nlock ')
    return output
  }
  const silent = { planned() {}, done() {}, said() {}, warned() {}, debug() {} }
  expect(await converge({ run }, desired, () => ({ steps: [], warnings: [] }), silent)).toEqual([])
})

test('another run was faster: the server is looked at again', async () => {
  const { applied, heard } = await answers('berth:say=waiting\nberth:stale=facts\n', good)
  expect(applied).toBe(2)
  expect(heard).toContain('said waiting')
  expect(heard).toContain('said another run changed the server in the meantime; looking again')
})

describe('a file that changes while the server is looked at', () => {
  // In base64, as the server says it: one byte more than the listing has.
  const torn = `berth:files.seen=${Buffer.from('/a 640 root:adm 0:4 1\n\nxy').toString('base64')}\nberth:end\n`
  const looks = async (...answers: string[]) => {
    let looked = 0
    const run = async () => answers[looked++] ?? output
    const found = look({ run }, desired, () => ({ steps, warnings: [] }))
    return { found: await found.catch(error => error), looked }
  }

  test('it is looked at again', async () => {
    expect(await looks(torn, torn)).toMatchObject({ found: { steps }, looked: 3 })
  })

  test('if it never rests, that is said', async () => {
    expect(await looks(torn, torn, torn)).toMatchObject({ found: { topic: 'busy' }, looked: 3 })
  })

  test('an answer that is cut off is not asked for again', async () => {
    expect(await looks('berth:a=1\n')).toMatchObject({ found: { topic: 'connectionLost' }, looked: 1 })
  })
})

describe('servers of one registry', () => {
  const done = '\nberth:start=1\n\nberth:ok=1\n\nberth:end=ok\n'
  const hook = { name: 'hook', credentials: '#!/bin/sh\n' }

  /** Converges three servers at once, of which the first fails, and says when each is changed. */
  async function changes(name: string, dns: typeof hook | undefined) {
    const heard: string[] = []
    const want = {
      ...desired,
      acme: { ...desired.acme, dns },
      shared: { peers: [], secret: '' },
    }
    const one = async (server: string) => {
      const run = async (script: string, onLine: (line: string) => void = () => {}) => {
        if (!script.includes('\nlock ')) return output
        heard.push(`${server} begins`)
        await new Promise(resolve => setTimeout(resolve, 20))
        heard.push(`${server} ends`)
        if (server === 'web1') throw new Error('no')
        done.split('\n').forEach(onLine)
        return done
      }
      const said = (text: string) => heard.push(`${server}: ${text}`)
      const listener = { planned() {}, done() {}, said, warned() {}, debug() {} }
      return converge({ run }, want, () => ({ steps: [step(name)], warnings: [] }), listener)
    }
    const ends = await Promise.allSettled(['web1', 'web2', 'web3'].map(one))
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    return heard
  }

  test('set the same record in DNS one after the other, also after one that fails', async () => {
    const waits = 'waiting for another server, which sets the same record in DNS'
    expect(await changes('dns_renew', hook)).toEqual([
      `web2: ${waits}`,
      `web3: ${waits}`,
      ...['web1', 'web2', 'web3'].flatMap(server => [`${server} begins`, `${server} ends`]),
    ])
  })

  test.each([
    ['with other steps', 'users', hook],
    ['without a record', 'dns_renew', undefined],
  ])('%s are changed at the same time', async (_, name, dns) => {
    const heard = await changes(name, dns)
    expect(heard.slice(0, 3)).toEqual(['web1 begins', 'web2 begins', 'web3 begins'])
  })
})

test('a cut between two steps says how far it got', async () => {
  await expect(answers('\nberth:start=1\n\nberth:ok=1\n')).rejects.toMatchObject({
    topic: 'connectionLost',
    message: expect.stringContaining('cut off after 1 of 2 steps'),
  })
})

describe('failures', () => {
  test.each([
    [
      'the server never rests',
      Array(3).fill('berth:stale=facts\n'),
      'the server keeps changing while Berth looks at it',
    ],
    [
      'the lock is held',
      ['berth:busy=900\n'],
      'another run of Berth has been at work on this server for 900 s',
    ],
    [
      'a step fails',
      ['berth:start=1\none\ntwo\nthree\nfour\nfive\nsix\nberth:failed=1\n'],
      'users (make users) failed; the server said:\n  two\n  three\n  four\n  five\n  six',
    ],
    [
      'a later step fails',
      ['berth:start=1\nold\nberth:ok=1\nberth:start=2\nnew\nberth:failed=2\n'],
      'site (make site) failed; the server said:\n  new',
    ],
    [
      'the first of two at the same time fails',
      ['berth:start=1\nberth:start=2\nof 2\nberth:ok=2\nof 1\nberth:failed=1\n'],
      'users (make users) failed; the server said:\n  of 1',
    ],
    [
      'two at the same time fail',
      ['berth:start=1\nberth:start=2\nof 1\nberth:failed=1\nof 2\nberth:failed=2\n'],
      'users (make users) failed; the server said:\n  of 1\nsite (make site) failed; the server said:\n  of 2',
    ],
    [
      'the disk is full',
      ['berth:start=1\nsh: 9: printf: I/O error\nberth:full=0 of 9M are free on /opt\nberth:failed=1\n'],
      'users (make users) failed: the server’s disk is full: 0 of 9M are free on /opt. Delete',
    ],
    [
      'something fails that only looks like it',
      ['berth:start=1\nsh: 9: printf: I/O error\nberth:full=\nberth:failed=1\n'],
      'users (make users) failed; the server said:\n  sh: 9: printf: I/O error',
    ],
    [
      'the connection is cut',
      ['berth:start=2\n'],
      'site (make site) failed: the connection was cut off; run the workflow again',
    ],
  ])('%s', async (_, texts, message) => {
    await expect(answers(...texts)).rejects.toThrow(message)
  })
})
