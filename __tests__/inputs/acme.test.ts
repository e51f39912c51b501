import { describe, expect, test } from '@jest/globals'
import { readAcme } from '../../src/inputs/acme.ts'
import { Reader } from '../../src/inputs/reader.ts'

function read(inputs: Record<string, string>) {
  const secrets: string[] = []
  const reader = new Reader(
    name => inputs[name] ?? '',
    text => secrets.push(text),
  )
  return { acme: readAcme(reader, 'up'), mistakes: reader.mistakes.map(({ message }) => message), secrets }
}

test('Let’s Encrypt, unless told otherwise', () => {
  expect(read({})).toEqual({
    acme: {
      server: 'https://acme-v02.api.letsencrypt.org/directory',
      email: undefined,
      ca: undefined,
      eab: undefined,
    },
    mistakes: [],
    secrets: [],
  })
})

test.each([
  ['letsencrypt-staging', 'https://acme-staging-v02.api.letsencrypt.org/directory'],
  ['https://acme.example.com:14000/dir?x=1', 'https://acme.example.com:14000/dir?x=1'],
  ['https://[2001:db8::1]/dir', 'https://[2001:db8::1]/dir'],
])('acme-server %s', (given, server) => {
  expect(read({ 'acme-server': given })).toMatchObject({ acme: { server }, mistakes: [] })
})

test.each([
  'http://acme.example.com',
  'acme.example.com',
  'https://a b',
  'https://x/$(id)',
  'https://x/\n--foo',
])('acme-server %j is refused', given => {
  expect(read({ 'acme-server': given }).mistakes).toHaveLength(1)
})

test('ca is PEM, without what a secret’s editor added', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
  expect(read({ ca: `\n${pem.replaceAll('\n', '\r\n')}\r\n` }).acme.ca).toBe(`${pem}\n`)
  expect(read({ ca: 'x' }).mistakes).toEqual(['ca: holds no PEM certificate'])
})

describe('acme-eab', () => {
  test('is split, and its key is masked', () => {
    expect(read({ 'acme-eab': 'kid-1:c2VjcmV0_-\n' })).toMatchObject({
      acme: { eab: { kid: 'kid-1', hmac: 'c2VjcmV0_-' } },
      mistakes: [],
      secrets: ['kid-1:c2VjcmV0_-', 'c2VjcmV0_-'],
    })
  })

  test.each(['kid', 'kid:', ':hmac', 'kid:not base64', 'a:b:c'])(
    '%s is refused without being shown',
    text => {
      const { mistakes, secrets } = read({ 'acme-eab': text })
      expect(mistakes).toEqual([expect.stringMatching(/^acme-eab: is not kid:hmac/)])
      expect(secrets).toContain(text)
    },
  )
})
