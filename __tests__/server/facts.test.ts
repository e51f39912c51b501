import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Facts } from '../../src/server/facts.ts'
import { sh } from '../library.ts'
import { Programs } from '../programs.ts'
import { recorded, suites } from '../recorded.ts'

test('only marked lines count: what a login file says does not', () => {
  const facts = Facts.parse('Welcome!\nberth:a=1\n\x1b[31mfancy prompt\nberth:b=x=y\nberth:end\n')
  expect(facts.get('a')).toBe('1')
  expect(facts.get('b')).toBe('x=y')
})

test.each([
  ['nothing', ''],
  ['noise alone', 'Welcome!\n'],
  ['no end', 'berth:a=1\nberth:b=2\n'],
  ['half of the last line', 'berth:a=1\nberth:en'],
  ['more after the end', 'berth:end\nberth:a=1\n'],
])('cut off: %s', (_, output) => {
  expect(() => Facts.parse(output)).toThrow(
    expect.objectContaining({
      topic: 'connectionLost',
      message: expect.stringContaining('was cut off; run the workflow again'),
    }),
  )
})

test('a missing fact is named', () => {
  expect(() => Facts.of({}).get('site.nginx')).toThrow('“site.nginx”')
})

test('yes and no', () => {
  const facts = Facts.of({ a: 'yes', b: 'no', c: '' })
  expect([facts.is('a'), facts.is('b'), facts.is('c')]).toEqual([true, false, false])
})

test('files', () => {
  const content = Buffer.from('ä\n').toString('base64')
  const facts = Facts.of({ there: `640 root:adm ${content}`, empty: '600 root:root ', gone: 'absent' })
  expect(facts.file('there')).toEqual({ mode: '640', owner: 'root:adm', content: 'ä\n' })
  expect(facts.file('empty')).toEqual({ mode: '600', owner: 'root:root', content: '' })
  expect(facts.file('gone')).toBeUndefined()
})

describe('files that the server has read at once', () => {
  const answer = (listing: string, contents: string) =>
    `berth:a=file %U:%G /a
berth:b=file %u:%g /b
berth:c=absent
berth:files.seen=${Buffer.from(`${listing}\n\n${contents}`).toString('base64')}
berth:end
`
  const listing = '/a 640 root:adm 0:4 3\n/b 600 UNKNOWN:UNKNOWN 65532:65532 4'

  test('each has its own part, and its owner by name or by number', () => {
    const facts = Facts.parse(answer(listing, 'ä\n\n\n\0x'))
    expect(facts.file('a')).toEqual({ mode: '640', owner: 'root:adm', content: 'ä\n' })
    expect(facts.file('b')).toEqual({ mode: '600', owner: '65532:65532', content: '\n\n\0x' })
    expect(facts.file('c')).toBeUndefined()
  })

  test.each([
    ['has grown meanwhile', listing, 'ä\n\n\n\0x!'],
    ['has shrunk meanwhile', listing, 'ä\n\n'],
    ['has gone meanwhile', '/a 640 root:adm 0:4 3', 'ä\n'],
  ])('one %s: no other is taken for it', (_, listing, contents) => {
    expect(() => Facts.parse(answer(listing, contents)).file('b')).toThrow(
      expect.objectContaining({
        topic: 'busy',
        message: expect.stringContaining('files while Berth looked'),
      }),
    )
  })
})

test.each([
  ['loaded active enabled', { known: true, active: true, enabled: true }],
  ['loaded reloading static', { known: true, active: true, enabled: true }],
  ['loaded inactive disabled', { known: true, active: false, enabled: false }],
  ['loaded failed enabled', { known: true, active: false, enabled: true }],
  ['masked inactive masked', { known: true, active: false, enabled: false }],
  ['not-found inactive ', { known: false, active: false, enabled: false }],
])('a unit that is %s', (states, unit) => {
  expect(Facts.of({ 'unit.nginx.service': states }).unit('nginx.service')).toEqual(unit)
})

test('a unit where there is no systemd', () => {
  expect(Facts.of({}).unit('nginx.service')).toEqual({ known: false, active: false, enabled: false })
})

describe.each(suites)('recorded on %s', suite => {
  test.each(['bare', 'ready', 'converged'] as const)(
    '%s: every line is a fact, and the checksum is of all',
    state => {
      const { output, facts } = recorded(suite, state)
      const lines = output.trimEnd().split('\n')
      expect(lines.pop()).toBe('berth:end')
      for (const line of lines) expect(line).toMatch(/^berth:[a-z]+\.[a-zA-Z0-9.-]+=/)
      const sum = createHash('sha256')
        .update(lines.map(line => `${line}\n`).join(''))
        .digest('hex')
      expect(facts.checksum).toBe(sum)
    },
  )
})

describe('what the server says', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  const look = (lines: string) =>
    sh(['server/protocol', 'server/facts'], `PATH=${process.env.PATH}\n${lines}`).stdout
  const facts = (lines: string) => Facts.parse(`${look(lines)}berth:end\n`)

  test('of files: what is in each, whatever that is', () => {
    writeFileSync(programs.file('text'), 'ä\n\nberth:end\n', { mode: 0o640 })
    writeFileSync(programs.file('binary'), Buffer.from([0, 1, 10, 0]))
    writeFileSync(programs.file('empty'), '')
    mkdirSync(programs.file('folder'))
    const seen = facts(
      `{ for name in text binary empty folder gone; do fact_file "$name" "${programs.folder}/$name"; done; fact other 1; } | files`,
    )
    expect(seen.file('text')).toMatchObject({ mode: '640', content: 'ä\n\nberth:end\n' })
    expect(seen.file('binary')?.content).toBe('\0\u0001\n\0')
    expect(seen.file('empty')?.content).toBe('')
    expect(seen.file('folder')).toBeUndefined()
    expect(seen.file('gone')).toBeUndefined()
    expect(seen.get('other')).toBe('1')
  })

  test('of who owns one, by name or by number', () => {
    writeFileSync(programs.file('text'), '')
    const seen = facts(
      `{ fact_file a "${programs.file('text')}"; fact_file b "${programs.file('text')}" %u:%g; } | files`,
    )
    expect(seen.file('a')?.owner).toBe(look('echo "$(id -un):$(id -gn)"').trim())
    expect(seen.file('b')?.owner).toBe(look('echo "$(id -u):$(id -g)"').trim())
  })

  test('without files there is nothing to say of them', () => {
    expect(look('fact a 1 | files')).toBe('berth:a=1\n')
  })

  test('of a command, whether it succeeds', () => {
    expect(look('fact_if a true\nfact_if b false\nfact_if c berth-has-no-such-program')).toBe(
      'berth:a=yes\nberth:b=no\nberth:c=no\n',
    )
  })

  test.each([
    ['nobody', '', ''],
    ['a program', 'LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("apache2",pid=7,fd=4))', 'program apache2'],
    ['on another port', 'LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:(("apache2",pid=7,fd=4))', ''],
    ['on IPv6', 'LISTEN 0 511 [::]:80 [::]:* users:(("caddy",pid=7,fd=4))', 'program caddy'],
    [
      'a container, for which Docker listens',
      'LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("docker-proxy",pid=7,fd=4))',
      'container web',
    ],
  ])('of who listens on port 80: %s', (_, listeners, expected) => {
    programs.add(
      'docker',
      `case "$*" in *publish=80*) ${expected.startsWith('container') ? 'echo web' : ':'} ;; esac`,
    )
    expect(look(`holder 80 '${listeners}'`).trim()).toBe(expected)
  })

  test('of units, also where systemd knows only some', () => {
    programs.add(
      'systemctl',
      "printf 'Id=a.timer\\nLoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n\\nId=b.service\\nLoadState=not-found\\nActiveState=inactive\\nUnitFileState=\\n'",
    )
    const seen = facts('units_probe a.timer b.service')
    expect(seen.unit('a.timer')).toEqual({ known: true, active: true, enabled: true })
    expect(seen.unit('b.service')).toEqual({ known: false, active: false, enabled: false })
    programs.add('systemctl', 'exit 1')
    expect(look('units_probe a.timer')).toBe('')
  })
})
