import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Reader } from '../../src/inputs/reader.ts'
import { readTargets } from '../../src/inputs/target.ts'
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
  const [target, ...others] = readTargets(reader, 'registry.example.com')
  return { target, others, mistakes: reader.mistakes.map(({ message }) => message), secrets }
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
  ['ssh-host', 'host  ProxyCommand id'],
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
    mistakes: ['ssh-key-passphrase: is missing, but `ssh-key` is encrypted'],
  })
})

describe('a fingerprint', () => {
  const print = `SHA256:${'a'.repeat(43)}`
  const pinned = (changes: Record<string, string>) => read(changes).target?.fingerprints

  test('is of the host as ssh writes it, in lower case', () => {
    const capitals = { 'ssh-host': 'Server.Example.com' }
    const expected = [`server.example.com ${print}`]
    expect(pinned({ ...capitals, 'ssh-known-hosts': print })).toEqual(expected)
    expect(pinned({ ...capitals, 'ssh-known-hosts': `Server.Example.com ${print}` })).toEqual(expected)
    const several = { 'ssh-host': 'Web1\nweb2', 'ssh-known-hosts': `web1 ${print}\nWEB2 ${print}` }
    expect(read(several)).toMatchObject({ mistakes: [] })
  })

  test('with a jump host names its host, with the port', () => {
    const { mistakes } = read({ 'ssh-jump': 'hop@jump', 'ssh-port': '2222', 'ssh-known-hosts': print })
    expect(mistakes).toEqual([expect.stringContaining(`write \`[registry.example.com]:2222 ${print}\``)])
  })
})

describe('several servers', () => {
  const [, type, blob] = host.split(' ')
  const line = (name: string) => `${name} ${type} ${blob}`

  test('each has its user, its port and where the others reach it, or what all have', () => {
    const hosts = 'web1\n\n  deploy@web2:2222 10.0.0.2\n[2001:db8::1]:22\n2001:db8::2\n'
    const known = ['web1', '[web2]:2222', '2001:db8::1', '2001:db8::2'].map(line).join('\n')
    const { target, others, mistakes } = read({ 'ssh-host': hosts, 'ssh-known-hosts': known })
    expect(mistakes).toEqual([])
    const brief = [target, ...others].map(each => [each?.user, each?.host, each?.port, each?.address])
    expect(brief).toEqual([
      ['root', 'web1', 22, 'web1'],
      ['deploy', 'web2', 2222, '10.0.0.2'],
      ['root', '2001:db8::1', 22, '2001:db8::1'],
      ['root', '2001:db8::2', 22, '2001:db8::2'],
    ])
  })

  test('a single one may say its user and port too, and needs no address for others', () => {
    expect(read({ 'ssh-host': 'deploy@web2:2222' }).target).toMatchObject({ user: 'deploy', port: 2222 })
    expect(read({ 'ssh-host': 'web2 10.0.0.2' })).toMatchObject({ target: { host: 'web2' }, mistakes: [] })
  })

  test('every mistake is told at once: what is no host, and who has no key', () => {
    const { mistakes } = read({
      'ssh-host': 'web1\nweb2:x\n-oProxyCommand=id\nweb1\nweb3 10.0.0.3 more',
      'ssh-known-hosts': line('web1'),
    })
    expect(mistakes).toEqual([
      ...['web2:x', '-oProxyCommand=id', 'web3 10.0.0.3 more'].map(each =>
        expect.stringContaining(`ssh-host: ${JSON.stringify(each)} is not a host name`),
      ),
      'ssh-host: has web1 twice',
    ])
    expect(read({ 'ssh-host': 'web1\nweb2\nweb3:2200', 'ssh-known-hosts': line('web1') }).mistakes).toEqual([
      expect.stringMatching(/^ssh-known-hosts: has no line for web2, .*`ssh-keyscan web2`/),
      expect.stringMatching(/^ssh-known-hosts: has no line for \[web3\]:2200, .*`ssh-keyscan -p 2200 web3`/),
    ])
    expect(read({ 'ssh-host': 'web1\nweb2:2200', 'ssh-known-hosts': '' }).mistakes).toEqual([
      expect.stringContaining('run `ssh-keyscan web1; ssh-keyscan -p 2200 web2`'),
    ])
    expect(read({ 'ssh-host': 'web1 10.0.0.1\nweb2 10.0.0.1' }).mistakes).toContain(
      'ssh-host: has 10.0.0.1 twice',
    )
  })

  test('a fingerprint says whose it is', () => {
    const print = `SHA256:${'a'.repeat(43)}`
    const hosts = { 'ssh-host': 'web1\nweb2' }
    const { target, mistakes } = read({ ...hosts, 'ssh-known-hosts': `web1 ${print}\nweb2 ${print}` })
    expect(mistakes).toEqual([])
    expect(target?.fingerprints).toEqual([`web1 ${print}`, `web2 ${print}`])
    expect(read({ ...hosts, 'ssh-known-hosts': `${print}\nweb2 ${print}` }).mistakes).toContainEqual(
      expect.stringContaining('line 1 does not say which host has this key, and there are several'),
    )
  })
})
