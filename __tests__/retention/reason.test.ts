import { expect, test } from '@jest/globals'
import { ago, reasonToGo, reasonToKeep } from '../../src/retention/reason.ts'

const day = 24 * 60 * 60
const rule = { pattern: 'a', tags: ['v*'], last: 2, days: 5, pulled: 7, untagged: undefined, empty: false }
const candidate = { name: 'x', newer: 3, age: 9 * day, idle: 8 * day }

test.each([
  [{ name: 'v1' }, 'tags: v*'],
  [{ newer: 1 }, 'last: 2 (number 2)'],
  [{ age: 4 * day }, 'days: 5 (pushed 4 days ago)'],
  [{ idle: 2 * 3600 }, 'pulled: 7 (pulled 2 hours ago)'],
  [{}, undefined],
])('%j stays by %j', (changes, reason) => {
  expect(reasonToKeep({ ...candidate, ...changes }, rule)).toBe(reason)
})

test('every line says why it does not keep a tag', () => {
  expect(reasonToGo(candidate, rule)).toBe(
    '3 newer (last: 2), pushed 9 days ago (days: 5), pulled 8 days ago (pulled: 7), not in `tags`',
  )
})

test('a tag that was never pulled counts from its push', () => {
  const never = { ...candidate, age: 8 * day, idle: 8 * day }
  expect(reasonToGo(never, rule)).toContain('not pulled since its push 8 days ago (pulled: 7)')
  expect(reasonToKeep({ ...never, age: 6 * day, idle: 6 * day }, rule)).toBe(
    'pulled: 7 (not pulled since its push 6 days ago)',
  )
})

test.each([
  [30, 'less than an hour ago'],
  [7200, '2 hours ago'],
  [3 * day, '3 days ago'],
])('%d seconds are %s', (seconds, words) => {
  expect(ago(seconds)).toBe(words)
})
