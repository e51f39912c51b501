import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Target } from '../../src/desired.ts'
import { Server } from '../../src/server/server.ts'
import { Programs } from '../programs.ts'

const target: Target = {
  host: 'registry.example.com',
  port: 22,
  address: '192.0.2.1',
  user: 'root',
  key: 'KEY\n',
  passphrase: undefined,
  plainKey: true,
  knownHosts: [],
  fingerprints: [],
  jump: undefined,
  sudoPassword: undefined,
}

let programs: Programs
let folder: string
let server: Server | undefined
beforeEach(() => {
  programs = new Programs()
  folder = join(mkdtempSync(join(tmpdir(), 'berth-server-')), 'ssh')
  process.env['INPUT_SSH-KEY'] = 'the key as it was given'
  process.env.SSH_AUTH_SOCK = '/agent'
})
afterEach(async () => {
  await server?.close()
  rmSync(join(folder, '..'), { recursive: true })
  programs.remove()
  delete process.env['INPUT_SSH-KEY']
  delete process.env.SSH_AUTH_SOCK
})

function connect(changes: Partial<Target> = {}, cancelled?: AbortSignal, silence?: number): Server {
  server = new Server({ ...target, ...changes }, folder, () => {}, cancelled, silence)
  return server
}

/** An ssh that lets in, and whose server is this machine’s shell. */
const letsIn = `echo "$@" >>"$here/args"
env >"$here/env"
ls -l >"$here/files"
echo berth:connected >&2
exec sh -s`

const seen = (name: string) => readFileSync(programs.file(name), 'utf8')

describe('a server that lets us in', () => {
  beforeEach(() => programs.add('ssh', letsIn))

  test('runs scripts, one in the connection itself and others over it', async () => {
    const lines: string[] = []
    const own = connect()
    expect(await own.run('echo berth:one\n', line => lines.push(line))).toBe('berth:one\n')
    expect(await own.run('echo berth:two\n')).toBe('berth:two\n')
    expect(lines).toEqual(['berth:one'])
    expect(seen('args').trim().split('\n')).toEqual(['-F config -M server sh -s', '-F config server sh -s'])
  })

  test('and forwards nothing: told with what may forbid it, also for this key alone', async () => {
    const own = connect()
    await own.run('echo berth:one\n')
    programs.add('ssh', 'echo "Port forwarding failed" >&2\nexit 255')
    await expect(own.forward('/opt/berth/registry.sock')).rejects.toMatchObject({
      topic: 'connection',
      message: expect.stringMatching(
        /\(Port forwarding failed\); .*`AllowStreamLocalForwarding`.* add `port-forwarding` where .*`restrict`/,
      ),
    })
  })

  test('is given nothing of the machine’s: no input, no agent', async () => {
    await connect().run('echo berth:one\n')
    const names = seen('env')
      .split('\n')
      .map(line => line.split('=')[0])
    expect(names).toEqual(expect.arrayContaining(['PATH', 'SSH_ASKPASS', 'SSH_ASKPASS_REQUIRE']))
    expect(seen('env')).not.toMatch(/INPUT_|the key|SSH_AUTH_SOCK/)
  })

  test('leaves what it needs to nobody else, and takes it away', async () => {
    const own = connect()
    await own.run('echo berth:one\n')
    const modes = Object.fromEntries(
      readdirSync(folder).map(name => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]),
    )
    expect(modes).toEqual({
      askpass: '700',
      config: '600',
      fingerprints: '600',
      key: '600',
      known_hosts: '600',
      passphrase: '600',
      pinned: '600',
    })
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700')
    await own.close()
    expect(readdirSync(join(folder, '..'))).toEqual([])
  })

  test('the password for sudo comes on stdin, before the script', async () => {
    programs.add(
      'ssh',
      `${letsIn.replace('exec sh -s', '')}IFS= read -r said; echo "$said" >"$here/said"\nexec sh -s`,
    )
    await connect({ user: 'deploy', sudoPassword: 'secret' }).run('echo berth:one\n')
    expect(seen('said')).toBe('secret\n')
    expect(seen('args')).not.toContain('secret')
  })

  test('a script that is swallowed by something before it is not waited for', async () => {
    programs.add('ssh', `${letsIn.replace('exec sh -s', '')}cat >/dev/null`)
    await expect(connect({ user: 'deploy' }, undefined, 200).run('echo berth:one\n')).rejects.toMatchObject({
      topic: 'login',
      message: expect.stringContaining('lets `deploy` in but has run nothing'),
    })
  })

  test('a job that is cancelled ends what runs', async () => {
    const cancelled = new AbortController()
    const own = connect({}, cancelled.signal)
    const run = own.run('echo berth:one\nexec sleep 600\n', () => cancelled.abort())
    await expect(run).rejects.toMatchObject({
      topic: 'connectionLost',
      message: expect.stringContaining('was cancelled'),
    })
  })
})

describe('a server that does not', () => {
  test('is named, with the topic', async () => {
    programs.add('ssh', `echo 'root@registry.example.com: Permission denied (publickey).' >&2; exit 255`)
    programs.add('ssh-keygen', 'exit 0')
    await expect(connect().run('x')).rejects.toMatchObject({ topic: 'login' })
  })

  test('is not asked at all when the key does not open', async () => {
    programs.add('ssh', letsIn)
    programs.add('ssh-keygen', `echo 'Load key "key": incorrect passphrase supplied' >&2; exit 255`)
    await expect(connect({ plainKey: false, passphrase: 'wrong' }).run('x')).rejects.toMatchObject({
      topic: 'key',
      message: expect.stringContaining('`ssh-key-passphrase` does not open `ssh-key`'),
    })
    expect(readdirSync(programs.folder)).not.toContain('args')
  })

  test('shows a key that is not pinned: another type is asked for, and only if fingerprints are given', async () => {
    const offer = (type: string) =>
      `echo 'berth:offered=registry.example.com ${type} AAAAC3NzaC1lZDI1NTE5AAAAIE8QhiyQF4KXY8/F7uTkVD2eic8F2FttVy8Lo5kpizEn' >&2; echo 'Host key verification failed.' >&2; exit 255`
    programs.add(
      'ssh',
      `echo "$@" >>"$here/args"
if grep -q 'HostKeyAlgorithms -.*ed25519.*ecdsa' config; then echo 'Unable to negotiate: no matching host key type found. Their offer: ssh-ed25519' >&2; exit 255; fi
if grep -q 'HostKeyAlgorithms -.*ed25519' config; then ${offer('ecdsa-sha2-nistp256')}; fi
${offer('ssh-ed25519')}`,
    )
    programs.add('ssh-keygen', 'exit 0')
    await expect(connect({ fingerprints: [`SHA256:${'A'.repeat(43)}`] }).run('x')).rejects.toMatchObject({
      topic: 'hostKey',
      message: expect.stringContaining('the host key of registry.example.com is not the one'),
    })
    expect(seen('args').trim().split('\n')).toHaveLength(3)
    await server?.close()
    writeFileSync(programs.file('args'), '')
    const knownHosts = ['registry.example.com ssh-rsa AAAAB3NzaC1yc2E']
    await expect(connect({ knownHosts }).run('x')).rejects.toMatchObject({ topic: 'hostKey' })
    expect(seen('args').trim().split('\n')).toHaveLength(1)
  })
})

test('a runner without ssh is named', async () => {
  programs.alone()
  await expect(connect().run('x')).rejects.toMatchObject({
    topic: 'runnerProgram',
    message: expect.stringContaining('has no `ssh`'),
  })
})
