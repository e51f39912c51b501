import { describe, expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import { refusalToRun } from '../../src/server/refusal.ts'

const target: Target = {
  host: 'registry.example.com',
  port: 22,
  user: 'deploy',
  key: '',
  passphrase: undefined,
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
    expect(refusalToRun({ code: 1, stdout, stderr }, target)).toContain(words)
  })
})
