import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import { asRoot, files } from '../../src/server/config.ts'
import { Programs } from '../programs.ts'

const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIE8QhiyQF4KXY8/F7uTkVD2eic8F2FttVy8Lo5kpizEn'
const print = 'SHA256:FWsHbD7sZxrVZtOc022g6E1AqbdcxiEctHjwNhZRbNg'
const target: Target = {
  host: '192.0.2.1',
  port: 2222,
  address: '192.0.2.1',
  user: 'deploy',
  key: 'KEY\n',
  passphrase: 'opens "it"',
  plainKey: false,
  knownHosts: [`[192.0.2.1]:2222 ssh-ed25519 ${key}`],
  fingerprints: [print],
  jump: { user: 'hop', host: 'jump.example.com', port: 2200 },
  sudoPassword: undefined,
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(changes: Partial<Target> = {}, unpinned = new Map<string, string[]>()): void {
  for (const [name, content] of Object.entries(files({ ...target, ...changes }, unpinned)))
    writeFileSync(join(folder, name), content)
}

/** What OpenSSH itself makes of the configuration for a host, by option. */
function effective(host: 'server' | 'jump'): Record<string, string> {
  const { stdout: text } = spawnSync('ssh', ['-G', '-F', 'config', host], { cwd: folder, encoding: 'utf8' })
  return Object.fromEntries(
    text.split('\n').map(line => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]),
  )
}

describe.each(['server', 'jump'] as const)('what OpenSSH does with the %s', host => {
  test('it trusts no host key but those that were given', () => {
    write()
    expect(effective(host)).toMatchObject({
      stricthostkeychecking: 'true',
      userknownhostsfile: 'known_hosts',
      globalknownhostsfile: '/dev/null',
      updatehostkeys: 'false',
      checkhostip: 'no',
    })
    // -G of OpenSSH before 9 does not show it.
    expect(readFileSync(join(folder, 'config'), 'utf8')).toContain(
      '\n  KnownHostsCommand /bin/sh pinned %H %t %f %K\n',
    )
  })

  test('it shows our key and no other, and lends none to the machine', () => {
    write()
    expect(effective(host)).toMatchObject({
      identityfile: 'key',
      identitiesonly: 'yes',
      identityagent: 'none',
      preferredauthentications: 'publickey',
      forwardagent: 'no',
      forwardx11: 'no',
    })
  })

  test('it does not wait for ever', () => {
    write()
    expect(effective(host)).toMatchObject({
      connecttimeout: '20',
      serveraliveinterval: '15',
      serveralivecountmax: '4',
      numberofpasswordprompts: '1',
    })
  })
})

test('the server is reached through the jump host, and each by its own name, port and user', () => {
  write()
  expect(effective('server')).toMatchObject({
    hostname: '192.0.2.1',
    port: '2222',
    user: 'deploy',
    proxyjump: 'jump',
  })
  expect(effective('jump')).toMatchObject({ hostname: 'jump.example.com', port: '2200', user: 'hop' })
  expect(effective('jump')).not.toHaveProperty('proxyjump')
  write({ jump: undefined })
  expect(effective('server')).not.toHaveProperty('proxyjump')
})

test('a type of host key that is not pinned is not asked for again, of that host', () => {
  write({}, new Map([['[192.0.2.1]:2222', ['*ed25519*']]]))
  expect(effective('server').hostkeyalgorithms).not.toContain('ed25519')
  expect(effective('server').hostkeyalgorithms).toContain('ecdsa')
  expect(effective('jump').hostkeyalgorithms).toContain('ed25519')
})

describe('the program that knows fingerprints', () => {
  const ask = (fingerprint: string, pins: string[], type = 'ssh-ed25519') => {
    write({ fingerprints: pins.map(pin => `host ${pin}`) })
    const { stdout, stderr } = spawnSync('sh', ['pinned', 'host', type, fingerprint, key], {
      cwd: folder,
      encoding: 'utf8',
    })
    return { stdout, stderr }
  }
  const other = `SHA256:${'A'.repeat(43)}`

  test('answers with the key when it is pinned', () => {
    expect(ask(print, [other, print]).stdout).toBe(`host ssh-ed25519 ${key}\n`)
  })

  test.each([
    ['another one is', print, [other]],
    ['none is', print, []],
    ['a longer one is', print, [`${print}A`]],
    ['a shorter one is', `${print}A`, [print]],
    ['the fingerprint is a pattern', 'SHA256:.*', [print]],
    ['the fingerprint is empty', '', [print]],
  ])('answers nothing when %s', (_, fingerprint, pins) => {
    expect(ask(fingerprint, pins).stdout).toBe('')
  })

  // A jump host that has shown the server's key could play the server.
  test('answers nothing when it is pinned for another host', () => {
    write({ fingerprints: [`other ${print}`] })
    const { stdout } = spawnSync('sh', ['pinned', 'host', 'ssh-ed25519', print, key], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
  })

  test('tells what was offered, for the message', () => {
    expect(ask(print, []).stderr).toBe(`berth:offered=host ssh-ed25519 ${key}\n`)
  })

  test('says nothing where ssh only asks which types are known', () => {
    write()
    const { stdout, stderr } = spawnSync('sh', ['pinned', 'host', 'NONE', 'NONE', 'NONE'], { cwd: folder })
    expect(`${stdout}${stderr}`).toBe('')
  })
})

test('a passphrase is given as it is', () => {
  write()
  expect(execFileSync('sh', ['askpass'], { cwd: folder, encoding: 'utf8' })).toBe('opens "it"\n')
})

describe('becoming root', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  /** A sudo that wants this password, or none; `args` has what everybody on the machine could see. */
  function sudo(password: string): void {
    programs.add(
      'sudo',
      `printf '%s\\n' "$*" >>"$here/args"
ask=yes
while [ "\${1#-}" != "$1" ]; do
  if [ "$1" = -n ]; then ask=no; fi
  if [ "$1" = -p ]; then shift; fi
  shift
done
[ '${password}' != '' ] || exec "$@"
if [ "$ask" = no ]; then echo 'sudo: a password is required' >&2; exit 1; fi
IFS= read -r said
if [ "$said" != '${password}' ]; then echo 'sudo: 1 incorrect password attempt' >&2; exit 1; fi
exec "$@"`,
    )
  }

  const run = (input: string) =>
    spawnSync('sh', ['-c', asRoot], { input, encoding: 'utf8', env: process.env })

  test('without a password, the script runs as it is', () => {
    sudo('')
    expect(run('\necho "ran"\n').stdout).toBe('ran\n')
  })

  test('a password that sudo does not ask for is not handed to the script', () => {
    sudo('')
    const { stdout, stderr } = run('secret\necho ran\n')
    expect(stdout + stderr).toBe('ran\n')
  })

  test('a password that sudo asks for is given on stdin, and in no argument', () => {
    sudo('secret')
    expect(run('secret\necho ran\n').stdout).toBe('ran\n')
    expect(readFileSync(programs.file('args'), 'utf8')).not.toContain('secret')
  })

  test('a sudo that reads more than the password loses nothing of the script', () => {
    programs.add(
      'sudo',
      `case $1 in -n) exit 1 ;; esac\nhead -c 8192 >/dev/null 2>&1 || :\nwhile [ "$1" != sh ]; do shift; done\nexec "$@"`,
    )
    expect(run('secret\necho ran\n').stdout).toBe('ran\n')
  })

  test('a wrong one is tried once, and no line of the script as another', () => {
    sudo('echo ran')
    const { status, stdout } = run('wrong\necho ran\necho ran\n')
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(readFileSync(programs.file('args'), 'utf8').trim().split('\n')).toHaveLength(2)
  })
})
