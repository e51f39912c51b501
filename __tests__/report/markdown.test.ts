import { expect, test } from '@jest/globals'
import { cell, cellCode, code, fenced, html, inline } from '../../src/report/markdown.ts'

test.each([
  ['HTML', 'a <img src=x onerror=y> b', 'a &lt;img src=x onerror=y&gt; b'],
  ['HTML behind a backtick without a partner', 'a ` <img> b', 'a \\` &lt;img&gt; b'],
  ['a backtick that is escaped', '\\` <img> `', '\\\\` <img> `'],
  ['several backticks in a row', 'a ``` <img> ``` b', 'a ’ &lt;img&gt; ’ b'],
  ['a mention', 'ask @octocat', 'ask @\u200boctocat'],
  ['the number of an issue', 'see #1', 'see #\u200b1'],
  ['a link', '[click](https://evil.example)', '\\[click\\](https://evil.example)'],
  ['a heading in a new line', 'a\n# b', 'a # b'],
  ['an entity', '&#64;octocat', '&amp;#\u200b64;octocat'],
  ['code of ours', 'set `ssh-key` and run', 'set `ssh-key` and run'],
])('%s', (_, text, expected) => {
  expect(inline(text)).toBe(expected)
})

test('a fence can’t be ended by what is in it', () => {
  expect(fenced('a\n```\n<img>\n````\nb')).toBe('`````\na\n```\n<img>\n````\nb\n`````\n')
})

test('a cell stays one', () => {
  expect(cell('a|b\nc')).toBe('a\\|b c')
  expect(cell('`a\\|<img>`')).toBe('`a\\|<img>`')
  expect(cellCode('a|<img>')).toBe('`a\\|<img>`')
  expect(cellCode('a\\\\|<img>')).toBe('`a\\|<img>`')
})

test('a name in code, and in HTML', () => {
  expect(code('a`<b>')).toBe('`a’<b>`')
  expect(html('<a> @octocat "x"')).toBe('&lt;a&gt; @\u200boctocat &quot;x&quot;')
})
