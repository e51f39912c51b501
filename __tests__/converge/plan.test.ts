import { describe, expect, jest, test } from '@jest/globals'
import { applyScript, factsScript, planDown, planUp } from '../../src/converge/plan.ts'
import type { Desired } from '../../src/desired.ts'
import { Facts } from '../../src/server/facts.ts'
import { recorded, suites } from '../recorded.ts'

// The recorded certificates are valid for years, but not for ever.
jest.useFakeTimers({ now: new Date('2026-11-24') })

const lines = (desired: Desired, facts: Facts, from = planUp) =>
  from(desired, facts).steps.flatMap(({ resource, changes }) =>
    changes.map(({ action, summary }) => `${action} ${resource}: ${summary}`),
  )

describe.each(suites)('a real server, %s', suite => {
  const { desired } = recorded(suite, 'bare')
  const { domain } = desired
  const rest = [
    expect.stringMatching(/^create registry: \/opt\/berth\/generations\/[0-9a-f]{8}\/start$/),
    expect.stringMatching(/^create registry: \/opt\/berth\/generations\/[0-9a-f]{8}\/config\.yml$/),
    expect.stringMatching(/^create registry: start registry:[\d.]+$/),
    `create certificate: order for ${domain}`,
    'create brake: /opt/berth/watcher.pl',
    `create brake: berth-brake-${domain}.service`,
    `create site: berth-${domain}.conf`,
    'create users: add ci',
    'create users: add alice',
    'create renewal: reload nginx when a certificate is renewed',
    'create renewal: check what is served after each round',
    'create renewal: trust the private certificate authority',
  ]
  const guard = ['create guard: /opt/berth/guard.sh', `create guard: berth-guard-${domain}.service`]

  test('bare', () => {
    expect(lines(desired, recorded(suite, 'bare').facts)).toEqual([
      ...['docker', 'nginx', 'certbot'].map(name => `create packages: install ${name}`),
      ...rest,
      'create renewal: a timer that renews the certificate',
      ...guard,
    ])
  })

  test('with its packages', () => {
    expect(lines(desired, recorded(suite, 'ready').facts)).toEqual([...rest, ...guard])
  })

  test('converged: nothing is left to do', () => {
    expect(lines(desired, recorded(suite, 'converged').facts)).toEqual([])
  })

  test('bare, and nothing may be installed', () => {
    const { facts } = recorded(suite, 'bare')
    expect(() => planUp({ ...desired, install: false }, facts)).toThrow(
      'the server lacks docker, nginx, certbot; install them, or let Berth do it with `install: true`',
    )
  })

  test.each([
    ['another image', { registry: { ...desired.registry, image: 'registry:3.0.0' } }, ['registry']],
    ['a setting', { registry: { ...desired.registry, config: { log: { level: 'debug' } } } }, ['registry']],
    ['a removed user', { users: desired.users?.slice(0, 1) ?? [] }, ['users']],
    ['no users at all', { users: null }, ['brake', 'site', 'users']],
    ['another authority', { acme: { ...desired.acme, server: 'https://other.example/dir' } }, ['renewal']],
    ['no private authority', { acme: { ...desired.acme, ca: undefined } }, ['renewal']],
  ])('converged, then %s', (_, changes, resources) => {
    const { steps } = planUp({ ...desired, ...changes }, recorded(suite, 'converged').facts)
    expect([...new Set(steps.map(({ resource }) => resource))]).toEqual(resources)
  })

  test('taken away: the last that was built goes first, and data stay', () => {
    const { steps } = planDown(desired, recorded(suite, 'converged').facts)
    expect([...new Set(steps.map(({ resource }) => resource))]).toEqual([
      'guard',
      'renewal',
      'site',
      'brake',
      'registry',
    ])
    expect(planDown(desired, recorded(suite, 'ready').facts).steps).toEqual([])
  })

  test('taken away: never what is another registry’s', () => {
    const other = { ...desired, domain: 'other.example.com', purge: true }
    expect(() => planDown(other, recorded(suite, 'converged').facts)).toThrow(
      `/opt/berth belongs to the registry ${desired.domain}`,
    )
  })
})

describe('the scripts', () => {
  const { desired, facts } = recorded('trixie', 'bare')

  test('facts hold no secret, and do not depend on passwords', () => {
    const script = factsScript(desired)
    for (const { password } of desired.users ?? []) expect(script).not.toContain(password)
  })

  test('apply holds no plain password, and the checksum of what was seen', () => {
    const script = applyScript(desired, facts, planUp(desired, facts).steps)
    for (const { password } of desired.users ?? []) expect(script).not.toContain(password)
    expect(script).toContain(`still ${facts.checksum} look`)
  })

  test('the registry starts while the certificate is ordered, and whatever else waits for the step before it', () => {
    const script = applyScript(desired, facts, planUp(desired, facts).steps)
    const calls = [...script.matchAll(/^(begin|step) (\d+ \w+)/gm)].map(([, how, call]) => `${how} ${call}`)
    expect(calls.filter(call => call.startsWith('begin'))).toEqual([expect.stringMatching(/ registry_up$/)])
    expect(calls[calls.findIndex(call => call.startsWith('begin')) + 1]).toMatch(/ certificate_order$/)
  })

  test('a fact that is missing is named', () => {
    expect(() => planUp(desired, Facts.of({}))).toThrow('the server did not say')
  })
})
