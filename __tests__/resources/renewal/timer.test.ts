import { describe, expect, test } from '@jest/globals'
import { readTimer, type Timer, timerSteps } from '../../../src/resources/renewal/timer.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'

const domain = 'registry.example.com'
const acme = { server: 'https://acme.example.com/', email: undefined, ca: undefined, eab: undefined }
const nothing: Timer = { hook: undefined, ca: undefined, care: undefined, trust: undefined, timer: false }
const file = (content: string, mode = '644') => ({ content, mode, owner: 'root:root' })

const steps = (seen: Timer, ca?: string) => timerSteps({ domain, acme: { ...acme, ca } }, seen)
const calls = (seen: Timer, ca?: string) => steps(seen, ca).map(({ call: [name] }) => name)
const argument = (name: string, index: number) =>
  steps(nothing, 'PEM\n').find(({ call }) => call[0] === name)?.call[index] ?? ''
const settled: Timer = {
  hook: file(argument('renewal_hook', 1), '755'),
  care: file(argument('renewal_care', 1)),
  ca: file('PEM\n'),
  trust: file(argument('renewal_trust', 3)),
  timer: true,
}

test('all of it is made once, and then left alone', () => {
  expect(calls(nothing, 'PEM\n')).toEqual(['renewal_hook', 'renewal_care', 'renewal_trust', 'renewal_timer'])
  expect(calls(settled, 'PEM\n')).toEqual([])
})

test.each<[string, Partial<Timer>, string]>([
  ['a hook that certbot can’t run', { hook: file(argument('renewal_hook', 1), '644') }, 'renewal_hook'],
  ['a hook that was edited', { hook: file('x', '755') }, 'renewal_hook'],
  ['a service that looks at nothing', { care: undefined }, 'renewal_care'],
  ['another authority', { ca: file('OTHER\n') }, 'renewal_trust'],
  ['an authority that the service does not trust', { trust: undefined }, 'renewal_trust'],
  ['a timer that does not run', { timer: false }, 'renewal_timer'],
])('%s is put right', (_, changes, call) => {
  expect(calls({ ...settled, ...changes }, 'PEM\n')).toEqual([call])
})

test('an authority that is not wanted any more is not trusted any more', () => {
  expect(calls(settled)).toEqual(['renewal_distrust'])
})

test('nothing comes from the hook of a certificate before it has run: it is a whole script', () => {
  const { code, stderr } = sh([], `sh -n <<'HOOK'\n${argument('renewal_hook', 1)}\nHOOK`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

describe('which timer renews', () => {
  const facts = (states: Record<string, string>) => {
    const units = ['certbot', 'snap.certbot.renew', 'berth-renewal']
    const entries = units.flatMap(unit => [
      [`unit.${unit}.timer`, states[unit] ?? 'not-found inactive '],
      [`renewal.care.${unit}`, `644 root:root ${Buffer.from(unit).toString('base64')}`],
      [`renewal.trust.${unit}`, 'absent'],
    ])
    return Facts.of({ 'renewal.hook': 'absent', 'renewal.ca': 'absent', ...Object.fromEntries(entries) })
  }

  test.each([
    ['the one that certbot came with', { certbot: 'loaded active enabled' }, 'certbot', true],
    ['that of a snap', { 'snap.certbot.renew': 'loaded active enabled' }, 'snap.certbot.renew', true],
    [
      'Berth’s own, where certbot has none',
      { 'berth-renewal': 'loaded active enabled' },
      'berth-renewal',
      true,
    ],
    ['nobody’s', {}, 'berth-renewal', false],
    ['one that somebody masked', { certbot: 'masked inactive masked' }, 'certbot', false],
    ['one that would not start after a reboot', { certbot: 'loaded active disabled' }, 'certbot', false],
    ['one that waits for a reboot', { certbot: 'loaded inactive enabled' }, 'certbot', false],
  ])('%s', (_, states, unit, timer) => {
    expect(readTimer(facts(states))).toMatchObject({ care: { content: unit }, timer })
  })
})

test('Amazon’s plugin has its credential from the environment of the service, once', () => {
  const amazon = { ...acme, dns: { name: 'route53', credentials: 'x' } }
  const steps = timerSteps({ domain, acme: amazon }, { ...settled, ca: undefined })
  expect(steps.map(({ call: [name] }) => name)).toEqual(['dns_trust'])
  const dropin = steps[0]?.call[2] ?? ''
  expect(dropin).toContain(`AWS_SHARED_CREDENTIALS_FILE=/etc/letsencrypt/berth/dns/${domain}\n`)
  expect(timerSteps({ domain, acme: amazon }, { ...settled, ca: undefined, aws: file(dropin) })).toEqual([])
})
