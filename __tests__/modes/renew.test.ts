import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { Cancelled } from '../../src/failure.ts'
import type { Context } from '../../src/modes/context.ts'
import { assess, renew } from '../../src/modes/renew.ts'
import { selfSigned } from '../pem.ts'
import { recorded } from '../recorded.ts'
import { scene } from './scene.ts'

const { desired } = recorded('trixie', 'converged')
const leaf = (suite: 'trixie' | 'bookworm') =>
  new X509Certificate(recorded(suite, 'converged').facts.file('certificate.chain')?.content ?? '')
const [served, other] = [leaf('trixie'), leaf('bookworm')]
const day = 24 * 60 * 60 * 1000
const young = served.validFromDate.getTime() + day
/** Two days and a half before it expires. */
const old = served.validToDate.getTime() - 2.5 * day

const assessed = (
  now: number,
  disk: X509Certificate | undefined,
  ordered = false,
  reason?: string,
  own?: { chain: string; key: string },
  proxied = false,
) =>
  assess({ desired: { ...desired, certificate: own } }, { served, disk, proxied, ordered, reason, now })
    ?.message

test('a young certificate that is the one on disk is well', () => {
  expect(assessed(young, served)).toBeUndefined()
})

test('one that can’t be compared, for the server could not be asked, is judged by its dates', () => {
  expect(assessed(young, undefined)).toBeUndefined()
  expect(assessed(old, undefined, false, 'no SSH')).toContain('could not be renewed: no SSH')
})

test('after a renewal, the new one must be served', () => {
  expect(assessed(young, other, true)).toBeUndefined()
  expect(assessed(young, served, true)).toContain('was renewed, but the old one is still served')
})

test('another one than the server’s comes from somewhere else', () => {
  expect(assessed(young, other)).toContain('it is not the one on the server’s disk')
})

test('behind a proxy, both are judged: its certificate and the server’s', () => {
  const own = { chain: '', key: '' }
  expect(assessed(young, other, false, undefined, own, true)).toBeUndefined()
  expect(assessed(old, undefined, false, undefined, own, true)).toMatch(/the proxy .*, so renew it there$/)
  const [later, sooner] = other.validToDate > served.validToDate ? [other, served] : [served, other]
  const now = sooner.validToDate.getTime() - 2.5 * day
  expect(
    assess(
      { desired: { ...desired, certificate: own } },
      { served: later, disk: sooner, proxied: true, ordered: false, reason: undefined, now },
    )?.message,
  ).toContain('only 2 more days')
})

test('one that is due says how long it lives and why it was not renewed', () => {
  expect(assessed(old, served, false, 'the authority is down')).toMatch(
    /is valid for only 2 more days, until 20\S+Z, and could not be renewed: the authority is down$/,
  )
  expect(assessed(served.validToDate.getTime() - 1.5 * day, served)).toContain('only 1 more day')
  expect(assessed(old, other, true)).toContain('the authority issued one that is valid no longer than that')
})

test('one that the user brought can be replaced by the user only', () => {
  expect(assessed(old, served, false, undefined, { chain: '', key: '' })).toMatch(
    /give a newer one as `certificate` and `certificate-key`, and run mode `up`$/,
  )
})

test('whatever is wrong with it is explained in one place', () => {
  const found = assess(
    { desired },
    { served, disk: other, proxied: false, ordered: false, reason: undefined, now: young },
  )
  expect(found).toMatchObject({ topic: 'renewal' })
})

test('a certificate that somebody gave other domains is left to mode `up`', async () => {
  const { domain } = desired
  const both = Buffer.from(selfSigned(`${domain},DNS:shop.example.com`).cert).toString('base64')
  const { inputs, context, events } = scene(
    {
      state: 'converged',
      seen: text =>
        text.replace(/^berth:certificate\.chain=.*$/m, `berth:certificate.chain=644 root:root ${both}`),
    },
    { desired: { ...desired, certificate: undefined } },
  )
  const { failure } = await renew(inputs, context)
  expect(failure).toMatchObject({ topic: 'renewal', message: expect.stringContaining('run mode `up`') })
  expect(events).not.toContain('apply')
})

test('a server that has no registry is told what to run first, and nothing is done there', async () => {
  const { inputs, context, events } = scene({}, { desired: { ...desired, certificate: undefined } })
  const { failure } = await renew(inputs, context)
  expect(failure).toMatchObject({
    topic: 'noRegistry',
    message: expect.stringContaining('set it up with mode `up` first'),
  })
  expect(events).not.toContain('apply')
})

test('a cancelled job says nothing of the certificate on GitHub', async () => {
  const { inputs, context } = scene({}, { desired: { ...desired, certificate: undefined } })
  await expect(renew(inputs, { ...context, cancelled: AbortSignal.abort() })).rejects.toBeInstanceOf(
    Cancelled,
  )
})

describe('several servers that the runner reaches by SSH only', () => {
  afterEach(() => void jest.restoreAllMocks())

  /** Each leaves its steps undone, or takes them. */
  async function renewedAt(now: number, undone: boolean) {
    jest.spyOn(Date, 'now').mockReturnValue(now)
    const { output } = recorded('trixie', 'converged')
    const targets = ['web1.invalid', 'web2.invalid'].map(host => ({
      ...{ host, port: 22, address: host, user: 'root', key: '', passphrase: undefined, plainKey: true },
      ...{ knownHosts: [], fingerprints: [], jump: undefined, sudoPassword: undefined },
    }))
    const dns = { name: 'hook', credentials: '#!/bin/sh\n' }
    const { inputs, context } = scene(
      {},
      {
        targets,
        desired: {
          ...{ ...desired, certificate: undefined, shared: { peers: [], secret: 'abc' } },
          acme: { ...desired.acme, dns },
        },
      },
    )
    const servers = targets.map(() => ({
      async run(script: string, onLine: (line: string) => void = () => {}) {
        if (!script.includes('\nlock ')) return output
        const numbers = [...script.matchAll(/^(?:step|begin) ([1-9]\d*) /gm)].map(([, number]) => number)
        const lines = numbers.flatMap(number => [
          `berth:start=${number}`,
          ...(undone ? ['the authority is down', 'berth:undone=1'] : []),
          `berth:ok=${number}`,
        ])
        for (const line of lines) onLine(line)
        return 'berth:end=ok\n'
      },
      async close() {},
    })) as unknown as Context['servers']
    const { failure } = await renew(inputs, { ...context, servers })
    // Nobody answers by the registry’s name here, and that is said too.
    return (failure?.message.split('\n') ?? []).filter(line => line.startsWith('web'))
  }

  test('what is due and was not renewed there fails the run, for each of them', async () => {
    const risk = (host: string) =>
      expect.stringMatching(
        new RegExp(`^${host}: .*only 2 more days.* could not be renewed: .*the authority is down`),
      )
    expect(await renewedAt(old, true)).toEqual([risk('web1.invalid'), risk('web2.invalid')])
  })

  test('what was renewed, and what is not due, is well', async () => {
    expect(await renewedAt(old, false)).toEqual([])
    expect(await renewedAt(young, true)).toEqual([])
  })
})
