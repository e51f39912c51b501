import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { key, rusty, type StepRun } from '../../lab/index.ts'
import { type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(180_000)

// What SECURITY.md advises is what is tried.
const advice = readFileSync(join(import.meta.dirname, '../../SECURITY.md'), 'utf8')
const advised = (pattern: RegExp) => {
  const found = pattern.exec(advice.replaceAll(/^ {4}/gm, ''))?.[0].trim()
  if (found === undefined) throw new Error(`SECURITY.md has no line like ${pattern}`)
  return found
}

let here: Registry
let publicKey: string

beforeAll(async () => {
  here = await registry()
  publicKey = (await key()).public.trim()
})
afterAll(() => here?.server.remove())

/** Lets the key in as a user, with a line of SECURITY.md that has another key in it. */
async function admit(user: string, line: string, shell = '/bin/sh'): Promise<void> {
  const home = user === 'root' ? '/root' : `/home/${user}`
  const entry = line
    .replace(/ssh-ed25519 AAAA\S* \S+/, publicKey)
    .replaceAll('registry.example.com', here.server.domain)
  expect(entry).toContain(publicKey)
  await here.server.sh(`id ${user} 2>/dev/null || useradd --create-home --shell ${shell} ${user}
    install -d -m 700 -o ${user} ${home}/.ssh`)
  await here.server.write(`${home}/.ssh/authorized_keys`, `${entry}\n`, '600')
  await here.server.sh(`chown ${user} ${home}/.ssh/authorized_keys`)
}

/** Takes everything down, and builds it all up again. */
async function fullRun(inputs: Record<string, string>): Promise<StepRun> {
  succeeded(await here.step({ ...inputs, mode: 'down' }))
  const run = succeeded(await here.step(inputs))
  expect(run.outputs.changed).toBe('true')
  expect(succeeded(await here.step({ ...inputs, mode: 'plan' })).outputs.plan).toBe('[]')
  return run
}

/** What ssh gives somebody who has the key. */
async function ssh(args: string): Promise<{ code: number; said: string }> {
  const script = `d=$(mktemp -d); cat >$d/key; chmod 600 $d/key
    ssh -n -F none -i $d/key -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=$d/hosts -o LogLevel=ERROR -o ExitOnForwardFailure=yes ${args.replaceAll('SERVER', here.server.domain)}; code=$?
    rm -r $d; exit $code`
  const { code, stdout, stderr } = await here.world.consumer.run(script, { input: (await key()).private })
  return { code, said: stdout + stderr }
}

test('a user who may run one command as root, with a key that may do nothing else', async () => {
  await admit('berth', advised(/^restrict ssh-ed25519 .*$/m))
  await here.server.write('/etc/sudoers.d/berth', `${advised(/^berth ALL=.*$/m)}\n`, '440')
  await here.server.sh('visudo --check --quiet')
  await fullRun({ 'ssh-user': 'berth' })

  expect((await ssh('berth@SERVER sudo -n id')).said).toContain(
    rusty ? "I'm afraid I can't do that" : 'a password is required',
  )
  expect((await ssh('berth@SERVER sudo -n sh -c id')).said).not.toContain('uid=0')
  expect((await ssh('-tt berth@SERVER true')).said).toContain('PTY allocation request failed')
  expect((await ssh('-R 9999:localhost:22 berth@SERVER true')).code).not.toBe(0)
})

test('a key with a forced command runs scripts and nothing that its holder asks for', async () => {
  await admit('berth', advised(/^restrict,command="sudo -n sh -s" .*$/m))
  await fullRun({ 'ssh-user': 'berth' })
  expect(await ssh('berth@SERVER id')).toMatchObject({ said: '' })
})

test('root himself, whom sshd lets in for the forced command only', async () => {
  await admit('root', advised(/^restrict,command="sh -s" .*$/m))
  await here.server.write('/etc/ssh/sshd_config.d/berth.conf', `${advised(/^PermitRootLogin .*$/m)}\n`)
  await here.server.sh('systemctl restart ssh')
  await fullRun({ 'ssh-user': 'root' })
  expect(await ssh('root@SERVER id')).toMatchObject({ said: '' })
  await admit('root', 'ssh-ed25519 AAAA berth')
  expect((await ssh('root@SERVER id')).said).not.toContain('uid=0')
  expect((await here.step({ 'ssh-user': 'root' })).errors).toEqual([
    expect.stringContaining('`PermitRootLogin`'),
  ])
})

test('a server as hardening guides want it: one session a connection, nothing to forward, files for root only', async () => {
  await here.server.write(
    '/etc/ssh/sshd_config.d/hardened.conf',
    ['MaxSessions 1', 'MaxAuthTries 2', 'AllowTcpForwarding no', 'AllowAgentForwarding no', 'PermitTTY no']
      .concat(['X11Forwarding no', 'AllowStreamLocalForwarding no', 'PermitUserEnvironment no', ''])
      .join('\n'),
  )
  await here.server.sh(`systemctl restart ssh
    cp -p /etc/login.defs /root/
    sed -i '/^UMASK/d; /^USERGROUPS_ENAB/d' /etc/login.defs
    printf 'UMASK 077\\nUSERGROUPS_ENAB no\\n' >>/etc/login.defs
    mount -o remount,noexec,nosuid,nodev /tmp`)
  try {
    await admit('berth', advised(/^restrict ssh-ed25519 .*$/m))
    expect(await ssh("berth@SERVER 'echo umask | sudo -n sh -s'")).toEqual({ code: 0, said: '0077\n' })
    await here.server.sh(
      'rm -rf /var/www/berth /etc/letsencrypt/berth /etc/letsencrypt/live /etc/letsencrypt/archive /etc/letsencrypt/renewal/*',
    )
    await fullRun({ 'ssh-user': 'berth' })
  } finally {
    await here.server.sh(
      'mv /root/login.defs /etc/ && rm /etc/ssh/sshd_config.d/hardened.conf && systemctl restart ssh',
    )
  }
})

test('a jump host that lets pass to the server’s SSH, and runs nothing', async () => {
  await admit('berth', advised(/^restrict ssh-ed25519 .*$/m))
  await admit('door', advised(/^restrict,port-forwarding,permitopen=.*$/m), '/usr/sbin/nologin')
  const through = { 'ssh-user': 'berth', 'ssh-jump': `door@${here.server.domain}` }
  expect(succeeded(await here.step({ ...through, mode: 'plan' })).outputs.plan).toBe('[]')
  expect((await ssh('door@SERVER id')).said).not.toContain('uid=')
  expect((await ssh('-W localhost:443 door@SERVER')).said).toContain('forwarding failed')
})
