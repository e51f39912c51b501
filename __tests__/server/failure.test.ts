import { describe, expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import type { Topic } from '../../src/failure.ts'
import { connectFailure, keyFailure, offeredKey, runFailure } from '../../src/server/failure.ts'

const target: Target = {
  host: 'registry.example.com',
  port: 22,
  address: '192.0.2.1',
  user: 'deploy',
  key: '',
  passphrase: undefined,
  plainKey: true,
  knownHosts: [],
  fingerprints: [],
  jump: undefined,
  sudoPassword: undefined,
}
const jump = { user: 'hop', host: 'jump.example.com', port: 2200 }
const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIE8QhiyQF4KXY8/F7uTkVD2eic8F2FttVy8Lo5kpizEn'
const print = 'SHA256:FWsHbD7sZxrVZtOc022g6E1AqbdcxiEctHjwNhZRbNg'

describe('a key that OpenSSH can’t use', () => {
  test.each([
    [
      'Load key "key": incorrect passphrase supplied',
      undefined,
      /`ssh-key` is encrypted; give its passphrase/,
    ],
    ['Load key "key": incorrect passphrase supplied', 'x', /`ssh-key-passphrase` does not open `ssh-key`/],
    [
      'Load key "key": error in libcrypto',
      undefined,
      /can’t be read by OpenSSH \(Load key "key": error in libcrypto\)/,
    ],
  ])('%s', (stderr, passphrase, sentence) => {
    expect(keyFailure(stderr, { ...target, passphrase })).toMatchObject({
      topic: 'key',
      message: expect.stringMatching(sentence),
    })
  })
})

describe('no connection', () => {
  const offered = `berth:offered=registry.example.com ssh-ed25519 ${key}\n`
  const closed = 'Connection closed by 192.0.2.1 port 22\n'
  test.each<[string, string, Partial<Target>, Topic, string]>([
    [
      'a key that the server does not know',
      'deploy@registry.example.com: Permission denied (publickey,password).',
      {},
      'login',
      'does not let `deploy` in with this key; add its public half to ~deploy/.ssh/authorized_keys',
    ],
    [
      'root may be refused altogether',
      'root@registry.example.com: Permission denied (publickey).',
      { user: 'root' },
      'login',
      '`PermitRootLogin`',
    ],
    [
      'a server that takes no keys',
      'deploy@registry.example.com: Permission denied (password).',
      {},
      'login',
      'takes no keys from `deploy`, or wants more than a key (password); let sshd accept a key alone there',
    ],
    [
      'a jump host that does not know the key',
      'hop@jump.example.com: Permission denied (publickey).',
      { jump },
      'login',
      'the jump host jump.example.com port 2200 does not let `hop` in',
    ],
    [
      'a name that does not resolve',
      'ssh: Could not resolve hostname registry.example.com: Name or service not known',
      {},
      'connection',
      'the name registry.example.com does not resolve; add its DNS record, or correct `ssh-host`',
    ],
    [
      'a jump host’s that does not',
      'ssh: Could not resolve hostname jump.example.com: Name or service not known',
      { jump },
      'connection',
      'correct `ssh-jump`',
    ],
    [
      'nobody listens',
      'ssh: connect to host registry.example.com port 22: Connection refused',
      {},
      'connection',
      'nothing listens for SSH at registry.example.com; is sshd running there, and is `ssh-port` right?',
    ],
    [
      'a firewall',
      'ssh: connect to host registry.example.com port 22: Connection timed out',
      {},
      'connection',
      'does not answer (Connection timed out); is the machine up',
    ],
    [
      'a jump host that can’t reach the server',
      'channel 0: open failed: connect failed: Connection refused',
      { jump },
      'connection',
      'can’t reach registry.example.com (connect failed: Connection refused)',
    ],
    [
      'nothing in common',
      'Unable to negotiate with 192.0.2.1 port 22: no matching cipher found. Their offer: aes128-cbc',
      {},
      'connection',
      'no algorithm in common',
    ],
    [
      'whatever listens there hangs up',
      'kex_exchange_identification: Connection closed by remote host\n',
      {},
      'connection',
      'does not speak SSH',
    ],
    [
      'an sshd that has shown its key hangs up',
      offered + closed,
      {},
      'login',
      'while `deploy` logged in; run the workflow again',
    ],
    ['and on root', offered + closed, { user: 'root' }, 'login', '`PermitRootLogin`'],
    [
      'another machine that has shown its key',
      `${offered.replace('registry', 'door')}${closed}`,
      {},
      'connection',
      'does not speak SSH',
    ],
    [
      'through a jump host',
      'Connection timed out during banner exchange',
      { jump },
      'connection',
      'can’t be reached through the jump host jump.example.com port 2200',
    ],
    [
      'what nobody knows',
      'ssh: who knows\n',
      {},
      'connection',
      'there is no connection to registry.example.com (ssh: who knows)',
    ],
  ])('%s', (_, stderr, changes, topic, sentence) => {
    expect(connectFailure(stderr, { ...target, ...changes })).toMatchObject({
      topic,
      message: expect.stringContaining(sentence),
    })
  })
})

describe('a host key that is not pinned', () => {
  const stderr = `berth:offered=registry.example.com ssh-ed25519 ${key}\nHost key verification failed.\n`
  const other = 'registry.example.com ssh-rsa AAAAB3NzaC1yc2E'

  test('is shown, with what is pinned for that host', () => {
    const elsewhere = 'other.example.com ssh-rsa AAAAB3NzaC1yc2F'
    const { topic, message } = connectFailure(stderr, { ...target, knownHosts: [other, elsewhere] })
    expect(topic).toBe('hostKey')
    expect(message).toContain(`it offers ${print}, pinned is SHA256:`)
    expect(message).toContain('somebody may be intercepting the connection')
  })

  test('is shown where none is pinned', () => {
    const { message } = connectFailure(stderr, { ...target, knownHosts: [] })
    expect(message).toContain(`it offers ${print}, none is pinned for it. If`)
  })

  test('is compared with what is pinned for the host in capitals', () => {
    const capitals = 'Registry.Example.com ssh-rsa AAAAB3NzaC1yc2E'
    const elsewhere = 'other.example.com ssh-rsa AAAAB3NzaC1yc2F'
    const { message } = connectFailure(stderr, { ...target, knownHosts: [capitals, elsewhere] })
    expect(message).toMatch(/pinned is SHA256:[^,]*\. If/)
  })

  test('may be pinned under another name', () => {
    const knownHosts = [`192.0.2.1 ssh-ed25519 ${key}`]
    expect(connectFailure(stderr, { ...target, knownHosts })).toMatchObject({
      topic: 'hostKey',
      message: expect.stringContaining(
        `under another name; add the line \`registry.example.com ssh-ed25519 ${key}\``,
      ),
    })
  })

  test('is no key that was merely shown', () => {
    expect(offeredKey(stderr)).toBe(`registry.example.com ssh-ed25519 ${key}`)
    expect(offeredKey(stderr.replace('Host key verification failed.', ''))).toBeUndefined()
  })
})

describe('a script that did not run', () => {
  const said = 'Welcome\nberth:connected\n'
  const run = (stderr: string, changes: Partial<Target> = {}, stdout = '', code = 1) =>
    runFailure({ code, stdout, stderr }, { ...target, ...changes })

  test.each<[string, string, Partial<Target>, string]>([
    ['no sudoers', 'deploy is not in the sudoers file.', {}, 'add the user to the sudo group'],
    ['no sudo', 'sh: 1: exec: sudo: not found', {}, 'the server has no sudo'],
    ['a terminal', 'sudo: sorry, you must have a tty to run sudo', {}, '`requiretty`'],
    [
      'a wrong password',
      'sudo: 1 incorrect password attempt',
      { sudoPassword: 'x' },
      'does not accept `sudo-password`',
    ],
    [
      'no password',
      'sudo: a password is required',
      {},
      'asks `deploy` for a password; give it as `sudo-password`',
    ],
    ['something else', 'sudo: unable to resolve host x', {}, 'sudo says “unable to resolve host x”'],
    [
      'something else, in Rust',
      "/etc/sudoers:1:10: unknown setting: 'logfile'\nsudo-rs: Account locked, please contact support",
      {},
      'sudo says “Account locked',
    ],
  ])('%s', (_, stderr, changes, sentence) => {
    expect(run(stderr, changes)).toMatchObject({ topic: 'sudo', message: expect.stringContaining(sentence) })
  })

  test.each([
    ['a forced command', 'Please log in as admin\n', said, '“Please log in as admin”'],
    ['its own error', '', `${said}sh: not found\n`, '“sh: not found”'],
    [
      'a banner is not about the command',
      '',
      'Denied, says the banner\nberth:connected\n',
      'for this user; give',
    ],
  ])('%s', (_, stdout, stderr, words) => {
    expect(run(stderr, {}, stdout)).toMatchObject({ topic: 'login', message: expect.stringContaining(words) })
  })

  test.each<[string, Partial<Target>, string, Topic, string]>([
    ['lost half way', {}, 'berth:a=1\n', 'connectionLost', 'was lost halfway'],
    ['lost before it began', {}, '', 'connectionLost', 'was lost; run the workflow again'],
    [
      'closed on root, whose key may need a forced command',
      { user: 'root' },
      '',
      'login',
      'let the key in and closed',
    ],
  ])('a connection that was %s', (_, changes, stdout, topic, sentence) => {
    expect(run('', changes, stdout, 255)).toMatchObject({ topic, message: expect.stringContaining(sentence) })
  })

  test('one that has spoken failed by itself, and says why', () => {
    expect(run('sudo: a password is required', {}, 'berth:start=1\n', 1)).toBeUndefined()
  })
})
