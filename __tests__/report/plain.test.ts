import { expect, test } from '@jest/globals'
import { Log } from '../../lab/commands.ts'
import { Masks } from '../../lab/masks.ts'
import { plain } from '../../src/report/plain.ts'

/** What a server, a registry or a program could say to have GitHub's runner obey it. */
const hostile = [
  '::save-state name=trust::/etc/docker/certs.d/x/y.crt',
  '   ::add-mask::e',
  '\t::stop-commands::x',
  'all is well ##[set-output name=digest;]sha256:0',
  '##[add-path]/tmp',
  'progress\r::error title=x::from the server',
  'progress\r\n::warning::from the server',
  '\x1b[2K::notice::from the server',
  'a\u2028::error::b',
  '\x1b]0;title\x07::debug::x',
]

test.each(hostile)('%j is no command for the runner', text => {
  const log = new Log(new Masks())
  log.write(`${plain(text)}\n`)
  log.end()
  expect(log.annotations).toEqual([])
  // A command that acts is not shown, or in another form.
  expect(log.shown.trim()).toBe(plain(text).trim())
})

test('the runner would obey them as they come', () => {
  const obeyed = hostile.filter(text => {
    const log = new Log(new Masks())
    log.write(`${text}\n`)
    log.end()
    return log.shown.trim() !== text.trim()
  })
  expect(obeyed.length).toBeGreaterThan(5)
})

test.each([
  ['what Berth says', 'registry: start registry:3.1.2  1.2 s\n  +b'],
  ['other languages', 'größer – ✓ 日本語'],
  ['IPv6', '2001:db8::1 answers'],
  ['tabs', 'a\tb'],
])('%s stays as it is', (_, text) => {
  expect(plain(text)).toBe(text)
})

test('control characters do nothing', () => {
  expect(plain('a\x1b[31mred\x1b[0m\x07\0b')).toBe('ared��b')
})
