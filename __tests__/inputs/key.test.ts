import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { isEncrypted, repairKey } from '../../src/inputs/key.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

function keygen(name: string, ...options: string[]): { key: string; pub: string } {
  const file = join(folder, name)
  execFileSync('ssh-keygen', ['-q', '-C', 'a comment', '-f', file, ...options])
  return { key: readFileSync(file, 'utf8'), pub: readFileSync(`${file}.pub`, 'utf8').trim() }
}

const open = ['-N', '']
const keys = {
  ed25519: keygen('ed25519', '-t', 'ed25519', ...open),
  ecdsa: keygen('ecdsa', '-t', 'ecdsa', '-b', '384', ...open),
  rsa: keygen('rsa', '-t', 'rsa', '-b', '2048', ...open),
  'RSA in PEM': keygen('rsa-pem', '-t', 'rsa', '-b', '2048', '-m', 'PEM', ...open),
  'RSA in PKCS8': keygen('rsa-pkcs8', '-t', 'rsa', '-b', '2048', '-m', 'PKCS8', ...open),
  'ECDSA in PEM': keygen('ecdsa-pem', '-t', 'ecdsa', '-m', 'PEM', ...open),
}
const locked = {
  ed25519: keygen('ed25519-locked', '-t', 'ed25519', '-N', 'opens it'),
  'RSA in PEM': keygen('rsa-pem-locked', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', 'opens it'),
  'RSA in PKCS8': keygen('rsa-pkcs8-locked', '-t', 'rsa', '-b', '2048', '-m', 'PKCS8', '-N', 'opens it'),
}

/** The public key that OpenSSH reads out of a private one. */
function publicOf(key: string, passphrase = ''): string {
  const file = join(folder, 'repaired')
  writeFileSync(file, key, { mode: 0o600 })
  return execFileSync('ssh-keygen', ['-y', '-P', passphrase, '-f', file]).toString().trim()
}

const material = (pub: string) => pub.split(' ').slice(0, 2).join(' ')

const damages: Record<string, (key: string) => string> = {
  'as it is': key => key,
  CRLF: key => key.replaceAll('\n', '\r\n'),
  'CR only': key => key.replaceAll('\n', '\r'),
  'no final newline': key => key.trimEnd(),
  'many final newlines': key => `${key}\n\n\n`,
  'a literal \\n': key => key.replaceAll('\n', '\\n'),
  'a literal \\r\\n': key => key.replaceAll('\n', '\\r\\n'),
  'a byte order mark': key => `\uFEFF${key}`,
  indentation: key => key.replace(/^/gm, '    '),
  tabs: key => key.replace(/^/gm, '\t'),
  'trailing spaces': key => key.replaceAll('\n', '  \n'),
  'blank lines between': key => key.replaceAll('\n', '\n\n'),
  'text around it': key => `my key:\n${key}\nend`,
}

describe.each(Object.entries(keys))('%s', (_, { key, pub }) => {
  const cases = Object.entries(damages)
  // PEM's headers need their lines.
  if (key.startsWith('-----BEGIN OPENSSH')) {
    cases.push(
      ['spaces for newlines', text => text.replaceAll('\n', ' ')],
      ['quotes', text => JSON.stringify(text)],
    )
  }
  test.each(cases)('%s', (_, damage) => {
    expect(material(publicOf(repairKey(damage(key))))).toBe(material(pub))
    expect(repairKey(damage(key))).toMatch(/^-----BEGIN [\s\S]*-----\n$/)
  })

  test('is not encrypted', () => {
    expect(isEncrypted(repairKey(key))).toBe(false)
  })

  test('cut off anywhere', () => {
    for (const part of [0.2, 0.5, 0.9]) {
      expect(() => repairKey(key.slice(0, key.length * part))).toThrow('is truncated')
    }
  })

  test('is mended only as far as it is known', () => {
    expect(repairKey(repairKey(key))).toBe(repairKey(key))
  })
})

describe.each(Object.entries(locked))('%s with a passphrase', (_, { key, pub }) => {
  test.each(Object.entries(damages))('%s', (_, damage) => {
    const repaired = repairKey(damage(key))
    expect(isEncrypted(repaired)).toBe(true)
    expect(material(publicOf(repaired, 'opens it'))).toBe(material(pub))
  })
})

test('lines that are missing in the middle', () => {
  const lines = keys.rsa.key.split('\n')
  expect(() => repairKey(lines.toSpliced(5, 8).join('\n'))).toThrow('is damaged')
})

test.each([
  ['a public key', keys.ed25519.pub, 'is a public key'],
  ['a public ECDSA key', keys.ecdsa.pub, 'is a public key'],
  [
    'a public key in PEM',
    '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----',
    'is a public key',
  ],
  [
    'a public key in RFC 4716',
    '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----',
    'is a public key',
  ],
  ['a PuTTY key', 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n', 'puttygen'],
  ['a path', '~/.ssh/id_ed25519', 'is not a private key'],
  ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'is not a private key'],
])('%s is named', (_, text, message) => {
  expect(() => repairKey(text)).toThrow(message)
})
