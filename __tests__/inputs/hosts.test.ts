import { createHmac } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { foreignLetters, isHostname, isLineOf, parseKnownHosts } from '../../src/inputs/hosts.ts'

// Made by ssh-keygen, and the fingerprint by `ssh-keygen -lf`.
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QhiyQF4KXY8/F7uTkVD2eic8F2FttVy8Lo5kpizEn'
const print = 'SHA256:FWsHbD7sZxrVZtOc022g6E1AqbdcxiEctHjwNhZRbNg'

function parse(text: string) {
  const problems: string[] = []
  return { ...parseKnownHosts(text, message => problems.push(message)), problems }
}

test.each([
  ['a line', `example.com ${key}`],
  ['a line with a comment', `example.com ${key} root@example`],
  ['a port', `[example.com]:2222 ${key}`],
  ['several names', `example.com,192.0.2.1 ${key}`],
  ['a hashed name', `|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${key}`],
  ['an authority', `@cert-authority *.example.com ${key}`],
  ['an ECDSA key', 'example.com ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY='],
])('known_hosts: %s', (_, line) => {
  expect(parse(line)).toEqual({ knownHosts: [line], fingerprints: [], problems: [] })
})

test('what ssh-keyscan prints, with comments, CRLF and empty lines', () => {
  const text = `# example.com:22 SSH-2.0-OpenSSH_9.2p1\r\nexample.com ${key}\r\n\r\n`
  expect(parse(text)).toEqual({ knownHosts: [`example.com ${key}`], fingerprints: [], problems: [] })
})

test.each([
  ['alone', print, undefined],
  ['with padding', `${print}=`, undefined],
  ['as ssh-keygen -l prints it', `256 ${print} root@example (ED25519)`, undefined],
  ['of a host', `example.com ${print}`, 'example.com'],
  ['of a host and port', `[example.com]:2222 ${print}`, '[example.com]:2222'],
])('fingerprint %s', (_, line, host) => {
  expect(parse(line)).toEqual({
    knownHosts: [],
    fingerprints: [{ host, fingerprint: print, number: 1 }],
    problems: [],
  })
})

// What OpenSSH would not read, it would pass over: then nothing is pinned.
test.each([
  ['no key', 'example.com ssh-ed25519'],
  ['half a key', 'example.com ssh-ed25519 BBBB'],
  ['a key of an unknown type', 'example.com dsa AAAAB3NzaC1kc3M='],
  ['what is no base64', 'example.com ssh-ed25519 AAAA!'],
  ['a longer fingerprint', `${print}A`],
])('%s is refused', (_, line) => {
  expect(parse(line)).toMatchObject({ knownHosts: [], fingerprints: [], problems: [expect.any(String)] })
})

test('every line that is neither is named by its number', () => {
  expect(parse(`example.com ${key}\n${key}\nMD5:aa:bb\nSHA256:short`).problems).toEqual([
    'line 2 lacks the host’s name before the key',
    'line 3 is neither a known_hosts line nor a SHA256: fingerprint',
    'line 4 is neither a known_hosts line nor a SHA256: fingerprint',
  ])
})

test.each([
  ['example.com', true],
  ['EXAMPLE.com', true],
  ['a_b.internal', true],
  ['localhost', true],
  ['-o.example.com', false],
  ['a-.example.com', false],
  ['example..com', false],
  ['example.com.', false],
  ['exa mple.com', false],
  ['$(id).com', false],
  ['a;b', false],
  ['a\nb', false],
  ['', false],
  [`${'a'.repeat(64)}.com`, false],
  [`${'a.'.repeat(127)}com`, false],
])('host name %j: %s', (name, good) => {
  expect(isHostname(name)).toBe(good)
})

test.each([
  [
    'registry.münchen.example',
    '"registry.münchen.example" has letters that DNS does not allow; write registry.xn--mnchen-3ya.example',
  ],
  ['реестр.example', '"реестр.example" has letters that DNS does not allow; write xn--e1aa5aceg.example'],
  ['registry.example.com', undefined],
  ['not a name', undefined],
  ['ä b.example', undefined],
])('%s as DNS has it', (name, expected) => expect(foreignLetters(name)).toBe(expected))

test('a line of known_hosts is for a host by name, in a list, by a pattern or hashed', () => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QhiyQF4KXY8/F7uTkVD2eic8F2FttVy8Lo5kpizEn'
  const salt = Buffer.alloc(20, 7)
  const hash = createHmac('sha1', salt).update('web1').digest('base64')
  const hashed = `|1|${salt.toString('base64')}|${hash} ${key}`
  for (const line of [`web1 ${key}`, `a,WEB1 ${key}`, `web? ${key}`, `@cert-authority w*1 ${key}`, hashed]) {
    expect([line, isLineOf(line, 'web1')]).toEqual([line, true])
    expect([line, isLineOf(line, 'db.example.com')]).toEqual([line, false])
  }
  expect(isLineOf(`[web1]:2222 ${key}`, '[web1]:2222')).toBe(true)
  expect(isLineOf(`[web1]:2222 ${key}`, 'web1')).toBe(false)
})
