import { expect, test } from '@jest/globals'
import {
  count,
  daysUntil,
  duration,
  lastLine,
  megabytes,
  shortReference,
  withoutDomain,
} from '../src/format.ts'

test('a number and its noun', () => {
  expect([0, 1, 2].map(number => count(number, 'change'))).toEqual(['0 changes', '1 change', '2 changes'])
})

test.each([
  [0, '0 ms'],
  [99.4, '99 ms'],
  [100, '0.1 s'],
  [9949, '9.9 s'],
  [9951, '10 s'],
  [59_499, '59 s'],
  [59_501, '1 min 0 s'],
  [125_000, '2 min 5 s'],
])('%d milliseconds are %s', (milliseconds, expected) => {
  expect(duration(milliseconds)).toBe(expected)
})

test.each([
  [0, '0 kB'],
  [1, '1 kB'],
  [99_999, '100 kB'],
  [1_550_000, '1.6 MB'],
  [42_000_000, '42 MB'],
  [1_250_000_000, '1.3 GB'],
])('%d bytes are %s', (bytes, expected) => {
  expect(megabytes(bytes)).toBe(expected)
})

test('days are whole, and past ones are negative', () => {
  const now = Date.UTC(2026, 0, 1)
  expect(daysUntil(new Date(now + 1.9 * 86_400_000), now)).toBe(1)
  expect(daysUntil(new Date(now - 1), now)).toBe(-1)
})

test('what was said last', () => {
  expect(lastLine('one\n  two \n\n')).toBe('two')
  expect(lastLine(' \n')).toBe('it said nothing')
})

test('a digest does not fill a line', () => {
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
  expect(shortReference(`registry:3@${digest}`)).toBe('registry:3@sha256:0123456789ab…')
  expect(shortReference('registry:3')).toBe('registry:3')
})

test.each([
  ['lookup r.timeout.dev. on 127.0.0.53: no such host', 'lookup DOMAIN. on 127.0.0.53: no such host'],
  [
    'https://R.timeout.dev:443/v2/ and _acme-challenge.r.timeout.dev',
    'https://DOMAIN:443/v2/ and _acme-challenge.DOMAIN',
  ],
  ["zones ['r.timeout.dev', 'timeout.dev', 'dev']", "zones ['DOMAIN', 'DOMAIN', 'dev']"],
  [
    'my-r.timeout.dev.example, rxtimeout.dev and xtimeout.dev: timeout',
    'my-r.timeout.dev.example, rxtimeout.dev and xtimeout.dev: timeout',
  ],
])('without its domain and zone, “%s” is “%s”', (text, expected) => {
  expect(withoutDomain(text, 'r.timeout.dev')).toBe(expected)
})
