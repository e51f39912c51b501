import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readCertificate } from '../../src/inputs/certificate.ts'
import { Reader } from '../../src/inputs/reader.ts'

const domain = 'registry.example.com'
let folder: string
let pem: Record<string, string>

// A root, an intermediate and what they sign: made here, for a key in a repository is found by every scanner.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-test-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = (name: string, ...kind: string[]) => openssl('genpkey', ...kind, '-out', `${name}.key`)
  const curve = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const sign = (name: string, issuer: string, extensions: string) => {
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
    writeFileSync(join(folder, `${name}.ext`), extensions)
    const by =
      issuer === name
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...by,
      '-days',
      '90',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    )
  }
  for (const name of ['root', 'intermediate', 'leaf', 'wild', 'other', 'forged', 'byForged'])
    key(name, ...curve)
  key('small', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024')
  openssl('pkey', '-in', 'leaf.key', '-aes256', '-passout', 'pass:secret', '-out', 'encrypted.key')
  sign('root', 'root', 'basicConstraints=critical,CA:TRUE')
  sign('intermediate', 'root', 'basicConstraints=critical,CA:TRUE')
  sign('leaf', 'intermediate', `subjectAltName=DNS:${domain}`)
  sign('wild', 'intermediate', 'subjectAltName=DNS:*.example.com')
  sign('other', 'intermediate', 'subjectAltName=DNS:other.example.com')
  // By its names alone, this one was issued by the intermediate.
  const anonymous = 'subjectKeyIdentifier=none\nauthorityKeyIdentifier=none'
  openssl('req', '-x509', '-new', '-key', 'forged.key', '-subj', '/CN=intermediate', '-out', 'forged.crt')
  sign('byForged', 'forged', `subjectAltName=DNS:${domain}\n${anonymous}`)
  sign('small', 'intermediate', `subjectAltName=DNS:${domain}`)
  const names = [
    'root.crt',
    'intermediate.crt',
    'leaf.crt',
    'leaf.key',
    'wild.crt',
    'wild.key',
    'other.crt',
    'other.key',
    'byForged.crt',
    'byForged.key',
  ]
  pem = Object.fromEntries(
    [...names, 'small.crt', 'small.key', 'encrypted.key'].map(name => [
      name,
      readFileSync(join(folder, name), 'utf8'),
    ]),
  )
})

afterAll(() => rmSync(folder, { recursive: true }))

function read(inputs: Record<string, string>, now = Date.now()) {
  const secrets: string[] = []
  const reader = new Reader(
    name => inputs[name] ?? '',
    secret => secrets.push(secret),
  )
  return {
    certificate: readCertificate(reader, domain, now),
    problems: reader.mistakes.map(({ message }) => message),
    secrets,
  }
}

const file = (...names: string[]) => names.map(name => pem[name] ?? '').join('')

describe('certificate and certificate-key', () => {
  test('nothing given is nothing wanted', () => {
    expect(read({})).toEqual({ certificate: undefined, problems: [], secrets: [] })
  })

  test.each([
    [['leaf.crt', 'intermediate.crt'], 'leaf.key'],
    [['leaf.crt', 'intermediate.crt', 'root.crt'], 'leaf.key'],
    [['wild.crt', 'intermediate.crt'], 'wild.key'],
  ])('%j is taken, and each line of its key is masked', (chain, key) => {
    const { certificate, problems, secrets } = read({
      certificate: file(...chain),
      'certificate-key': file(key),
    })
    expect(problems).toEqual([])
    expect(certificate).toEqual({ chain: file(...chain), key: file(key) })
    expect(secrets).toEqual(
      file(key)
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('---')),
    )
  })

  test('CRLF, indentation and a literal \\n are mended', () => {
    const key = file('leaf.key')
    for (const damaged of [
      key.replaceAll('\n', '\r\n'),
      key.replaceAll('\n', '\n  '),
      key.trim().replaceAll('\n', '\\n'),
    ]) {
      expect(read({ certificate: file('leaf.crt'), 'certificate-key': damaged }).certificate?.key).toBe(key)
    }
  })

  test('a certificate that was cut in pasting', () => {
    const cut = file('leaf.crt').replace(/\n.{64}\n/, '\n')
    expect(read({ certificate: cut, 'certificate-key': file('leaf.key') }).problems).toEqual([
      'certificate: holds a certificate that is damaged; paste the whole file again',
    ])
  })

  test.each<[string, string[], string, RegExp[]]>([
    ['one of the two alone', ['leaf.crt'], '', [/^certificate-key: is missing, but `certificate` is given/]],
    [
      'a key of another certificate',
      ['leaf.crt'],
      'other.key',
      [/^certificate-key: does not belong to `certificate`/],
    ],
    [
      'another name',
      ['other.crt'],
      'other.key',
      [/^certificate: does not cover registry\.example\.com; it is for DNS:other/],
    ],
    ['another name and another key', ['other.crt'], 'leaf.key', [/does not cover/, /does not belong/]],
    [
      'the issuer first',
      ['intermediate.crt', 'leaf.crt'],
      'leaf.key',
      [/begins with the certificate of an authority/, /wrong order/, /does not belong/],
    ],
    [
      'an issuer of the right name that did not sign',
      ['byForged.crt', 'intermediate.crt'],
      'byForged.key',
      [/number 2 of the chain did not sign number 1/],
    ],
    ['a link missing', ['leaf.crt', 'root.crt'], 'leaf.key', [/number 2 of the chain did not sign number 1/]],
    ['an encrypted key', ['leaf.crt'], 'encrypted.key', [/^certificate-key: is encrypted/]],
    ['a key in the wrong place', ['leaf.crt', 'leaf.key'], 'leaf.key', [/^certificate: holds a private key/]],
    ['a certificate as the key', ['leaf.crt'], 'leaf.crt', [/^certificate-key: is not a PEM private key/]],
    ['a short RSA key', ['small.crt'], 'small.key', [/has only 1024 bits/]],
  ])('%s is refused', (_, chain, key, expected) => {
    const { problems } = read({ certificate: file(...chain), 'certificate-key': file(key) })
    expect(problems).toEqual(expected.map(each => expect.stringMatching(each)))
  })

  test('dates in the past and in the future are refused', () => {
    const inputs = { certificate: file('leaf.crt'), 'certificate-key': file('leaf.key') }
    const day = 24 * 60 * 60 * 1000
    expect(read(inputs, Date.now() + 91 * day).problems).toEqual([expect.stringMatching(/expired on \d{4}-/)])
    expect(read(inputs, Date.now() - day).problems).toEqual([
      expect.stringMatching(/is not valid before \d{4}-/),
    ])
  })
})
