import { execFileSync, spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { compose, line, quote } from '../src/shell.ts'

const texts = [
  'plain',
  '',
  ' ',
  "it's",
  "'''",
  '"',
  '$HOME $(id) `id`',
  'a;b & c | d > e',
  'a\nb\n',
  '\\',
  '\\n',
  '-n',
  '*',
  '~',
  '#',
  '!',
  'é🔑',
  '\t\r\x07\x1b[31m',
  'a=b',
  '{a,b}',
]

test.each(texts)('%j reaches a function of a real shell as it is', text => {
  const script = `show() { printf '%s.' "$@"; }\n${line(['show', text, 'end'])}\n`
  expect(execFileSync('sh', { input: script }).toString()).toBe(`${text}.end.`)
})

test('NUL can’t be sent', () => {
  expect(() => quote('a\0b')).toThrow('NUL')
})

test.each(['000', '077'])('what a script makes has the same rights after a umask of %s', umask => {
  const script = `umask ${umask}\n${compose([], ['umask'])}`
  expect(execFileSync('sh', ['-s'], { input: script }).toString().trim()).toBe('0022')
})

test('a script that is cut off does nothing, wherever it is cut', () => {
  const script = compose(['server/facts'], ['echo one', 'echo two'])
  expect(execFileSync('sh', ['-s'], { input: script }).toString().trim()).toBe('one\ntwo')
  const ends = [...script.matchAll(/\n/g)].map(match => match.index)
  // Two newlines before the end, `main` has been called.
  for (const end of ends.slice(-12, -1)) {
    for (const cut of [script.slice(0, end), script.slice(0, end + 3)]) {
      if (cut.includes('\nmain "')) continue
      expect(spawnSync('sh', ['-s'], { input: cut }).stdout.toString().trim()).toBe('')
    }
  }
})
