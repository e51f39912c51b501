import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { Reader } from '../../src/inputs/reader.ts'
import { readTarget } from '../../src/inputs/target.ts'
import { Programs } from '../programs.ts'

const programs = new Programs()
execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', programs.file('key')])
execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'opens it', '-f', programs.file('locked')])
const key = readFileSync(programs.file('key'), 'utf8')
const locked = readFileSync(programs.file('locked'), 'utf8')
const host = `registry.example.com ${readFileSync(programs.file('key.pub'), 'utf8').trim()}`
programs.remove()

const given = { 'ssh-port': '22', 'ssh-key': key, 'ssh-known-hosts': host }

function read(changes: Record<string, string> = {}) {
  const inputs: Record<string, string> = { ...given, ...changes }
  const secrets: string[] = []
  const reader = new Reader(
    name => inputs[name] ?? '',
    text => secrets.push(text),
  )
  const target = readTarget(reader, 'registry.example.com')
  return { target, mistakes: reader.mistakes.map(({ message }) => message), secrets }
}

test('the domain itself, as root, unless told otherwise', () => {
  expect(read()).toMatchObject({
    target: {
      host: 'registry.example.com',
      port: 22,
      user: 'root',
      passphrase: undefined,
      jump: undefined,
      sudoPassword: undefined,
      plainKey: true,
      knownHosts: [host],
      fingerprints: [],
    },
    mistakes: [],
  })
})

test.each([
  ['hop@jump.example.com', { user: 'hop', host: 'jump.example.com', port: 22 }],
  ['hop@192.0.2.1:2200', { user: 'hop', host: '192.0.2.1', port: 2200 }],
  ['hop@[2001:db8::2]:2200', { user: 'hop', host: '2001:db8::2', port: 2200 }],
])('ssh-jump %s', (given, jump) => {
  expect(read({ 'ssh-jump': given })).toMatchObject({ target: { jump }, mistakes: [] })
})

test.each([
  'hop',
  'hop@',
  '@host',
  'a@b@c',
  '-l@host',
  'hop@-oProxyCommand=id',
  'hop@host:',
  'hop@host:x',
  'hop@a b',
  'hop@h\nProxyCommand id',
])('ssh-jump %j is refused', jump => {
  expect(read({ 'ssh-jump': jump }).mistakes).toHaveLength(1)
})

test.each([
  ['ssh-host', 'host\n  ProxyCommand id'],
  ['ssh-host', '-oProxyCommand=id'],
  ['ssh-host', '%h'],
  ['ssh-user', 'root\n  ProxyCommand id'],
  ['ssh-user', '-l'],
  ['ssh-user', 'a b'],
])('%s %j is refused', (name, value) => {
  expect(read({ [name]: value }).mistakes).toHaveLength(1)
})

test('no host key is no trust: the message says how to get one', () => {
  expect(read({ 'ssh-known-hosts': '', 'ssh-port': '2222' }).mistakes).toEqual([
    expect.stringContaining('run `ssh-keyscan -p 2222 registry.example.com` where you trust the network'),
  ])
})

test('every line of the key, the passphrase and the password for sudo are masked', () => {
  const { secrets } = read({
    'ssh-key': locked,
    'ssh-key-passphrase': 'opens it',
    'sudo-password': ' with spaces ',
  })
  const lines = locked.split('\n').filter(line => line !== '' && !line.startsWith('-----'))
  expect(secrets).toEqual(expect.arrayContaining([...lines, 'opens it', ' with spaces ']))
})

test('a key that needs a passphrase is not plain, and lacks it', () => {
  expect(read({ 'ssh-key': locked })).toMatchObject({
    target: { plainKey: false },
    mistakes: ['ssh-key-passphrase: is missing, and `ssh-key` is encrypted'],
  })
})
