import { expect, test } from '@jest/globals'
import { matches, matchesTag } from '../../src/retention/pattern.ts'

test.each([
  ['team/*', 'team/app', true],
  ['team/*', 'team/app/x', false],
  ['team/**', 'team/app/x', true],
  ['team/**', 'team', false],
  ['**', 'a/b', true],
  ['a.b', 'axb', false],
])('%s and %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected)
})

test.each([
  ['v*', 'v1.2', true],
  ['v*', 'latest', false],
  ['*-rc*', '1.0-rc.2', true],
  ['1.0', '1x0', false],
  ['*', '', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['*ab*b', 'xabb', true],
  ['*ab*b', 'xab', false],
  ['a**b', 'a-b', true],
])('%s and the tag %s', (pattern, tag, expected) => {
  expect(matchesTag(pattern, tag)).toBe(expected)
})

test('no tag takes long, whoever chose it', () => {
  const tag = `${'a'.repeat(32)}${'b'.repeat(32)}${'c'.repeat(32)}${'d'.repeat(31)}`
  const started = performance.now()
  for (let times = 0; times < 1000; times++) expect(matchesTag('*a*b*c*d*e', tag)).toBe(false)
  expect(performance.now() - started).toBeLessThan(2000)
})
