import { expect, test } from '@jest/globals'
import { cell, code, fenced, html, inline } from '../../src/report/markdown.ts'
import { hidden, hide } from '../../src/report/secrets.ts'

// Of a kind in which Markdown escapes characters, so that the runner would not find it.
const token = 'Ab3_dEfGh_IjKlMn0pQrSt'
hide([token, 'Ab3_', `${token}~more`, 'ci'])

test('a secret is hidden as the runner hides it in its log, the longest first', () => {
  expect(hidden(`Bearer ${token}, ${token}~more and Ab3_x`)).toBe('Bearer ***, *** and ***x')
})

test('what is too short to be one stays', () => {
  expect(hidden('a decision of ci')).toBe('a decision of ci')
})

test.each([
  ['a sentence', inline],
  ['a cell', cell],
  ['code', code],
  ['a block', fenced],
  ['HTML', html],
])('%s in a summary, a comment or an issue has none', (_, write) => {
  const shown = write(`curl said ${token}`)
  expect(shown.replaceAll('\\', '')).not.toContain('Ab3')
  expect(shown.replaceAll('\\', '')).toContain('curl said ***')
})
