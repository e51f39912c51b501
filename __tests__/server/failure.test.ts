import { describe, expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import { connectFailure, runFailure } from '../../src/server/failure.ts'

const target: Target = {
  host: 'registry.example.com',
  port: 22,
  user: 'deploy',
  key: '',
  passphrase: undefined,
  plainKey: true,
  knownHosts: [],
  fingerprints: [],
  jump: undefined,
  sudoPassword: undefined,
}

describe('a server that lets us in and runs nothing', () => {
  test.each([
    [
      'a forced command',
      'Please log in as admin\n',
      'Welcome\nberth:connected\n',
      '“Please log in as admin”',
    ],
    ['its own error', '', 'Welcome\nberth:connected\nsh: not found\n', '“sh: not found”'],
    [
      'a banner is not about the command',
      '',
      'Denied, says the banner\nberth:connected\n',
      'for this user; give',
    ],
  ])('%s', (_, stdout, stderr, words) => {
    expect(runFailure({ code: 1, stdout, stderr }, target)?.message).toContain(words)
  })
})

describe('a connection that is closed', () => {
  const offered = 'berth:offered=registry.example.com ssh-ed25519 AAAA\n'
  const closed = 'Connection closed by 192.0.2.1 port 22\n'
  test.each([
    [
      'by whatever listens there',
      'kex_exchange_identification: Connection closed by remote host\n',
      'does not speak SSH',
    ],
    [
      'by an sshd that has shown its key',
      offered + closed,
      'while `deploy` logged in; run the workflow again',
    ],
    ['by another machine that has', `${offered.replace('registry', 'door')}${closed}`, 'does not speak SSH'],
  ])('%s', (_, stderr, words) => {
    expect(connectFailure(stderr, target)?.message).toContain(words)
  })

  test('root may need a forced command', () => {
    expect(connectFailure(offered + closed, { ...target, user: 'root' }).message).toContain(
      '`PermitRootLogin`',
    )
  })
})
