import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { password, type StepOptions } from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'
import { scene, silence } from './scene.ts'

jest.setTimeout(240_000)

const here = scene()

beforeAll(async () => {
  await here.server.sh(
    `printf '%s\\n' 'LogLevel VERBOSE' 'MaxStartups 100' 'PerSourcePenalties no' >/etc/ssh/sshd_config.d/lab.conf && systemctl restart ssh`,
  )
})

/** What of a connection the server’s sshd has seen since it was last asked. */
async function contacts(): Promise<string> {
  const seen = await here.server.sh(
    'journalctl --unit ssh --output cat --cursor-file /root/cursor --grep "Connection from|Accepted" || :',
  )
  return seen.replace(/^-- .*$/gm, '').trim()
}

/** A run that must fail before it connects: with these sentences, and in a moment. */
async function refused(inputs: Record<string, string>, options: StepOptions = {}): Promise<string[]> {
  await contacts()
  const run = await here.step(inputs, options)
  expect(run.code).toBe(1)
  expect(run.milliseconds).toBeLessThan(10_000)
  expect(await contacts()).toBe('')
  expect(run.errors.join('\n')).not.toMatch(/^ +at /m)
  return run.errors
}

const like = (...patterns: RegExp[]) => patterns.map(pattern => expect.stringMatching(pattern))

test('a key that is truncated, damaged, public or PuTTY’s, and an empty secret', async () => {
  const whole = here.inputs['ssh-key'] ?? ''
  const errors = []
  for (const key of [
    whole.slice(0, 200),
    whole.replace(/\n.*\n(?=.*\n-----END)/, '\n'),
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHvz me',
    'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none',
    '',
  ])
    errors.push(...(await refused({ 'ssh-key': key })))
  expect(errors).toEqual(
    like(
      /^ssh-key: is truncated/,
      /^ssh-key: is damaged/,
      /^ssh-key: is a public key/,
      /^ssh-key: is a PuTTY key.*puttygen/,
      /^ssh-key: is missing.*Is the secret that it comes from set/,
    ),
  )
})

test('a passphrase that is missing or wrong', async () => {
  const passphrase = password()
  here.secrets.push(passphrase)
  const encrypted = await here.world.runner.sh(
    'd=$(mktemp -d); read -r phrase; ssh-keygen -q -t ed25519 -f $d/key -N "$phrase" && cat $d/key; rm -r $d',
    { input: `${passphrase}\n` },
  )
  here.secrets.push(...encrypted.split('\n').slice(3, -2))
  const key = { 'ssh-key': `${encrypted}\n` }
  expect(await refused(key)).toEqual(like(/^ssh-key-passphrase: is missing, but `ssh-key` is encrypted/))
  expect(await refused({ ...key, 'ssh-key-passphrase': `not ${passphrase}` })).toEqual(
    like(/^`ssh-key-passphrase` does not open `ssh-key`; give the right one/),
  )
})

test('no known hosts', async () => {
  expect(await refused({ 'ssh-known-hosts': '' })).toEqual(
    like(new RegExp(`^ssh-known-hosts: is missing.*\`ssh-keyscan ${here.domain}\`.*paste the lines`)),
  )
})

test('host key changed', async () => {
  const { server } = here
  const before = server.fingerprints
  await server.sh(
    `mkdir /root/keys && cp -p /etc/ssh/ssh_host_* /root/keys && rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart ssh`,
  )
  const now = await server.sh('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d " " -f 2')
  const run = await here.step()
  await server.sh('cp -p /root/keys/* /etc/ssh/ && systemctl restart ssh')
  expect(run.errors).toEqual([
    expect.stringContaining(
      `it offers ${now}, pinned are ${before.join(', ')}. If that machine was reinstalled`,
    ),
  ])
  expect(await server.sh('journalctl --unit ssh --output cat --lines 20')).not.toMatch(
    /Accepted(.|\n)*Accepted/,
  )
})

test('a black hole, a name that leads nowhere, nobody there, and one who never says a word', async () => {
  await here.server.sh(`
    for tables in iptables ip6tables; do $tables -I INPUT -p tcp --dport 2222 -j DROP; done`)
  await silence(here.server, 2223)
  const started = Date.now()
  const at = (port: string) => ({
    'ssh-host': here.server.address.v4,
    'ssh-port': port,
    'ssh-known-hosts': here.server.fingerprints.join('\n'),
  })
  const runs = await Promise.all(
    [at('2222'), { 'ssh-host': 'nowhere.berth.test' }, at('2224'), at('2223')].map(inputs =>
      here.step(inputs),
    ),
  )
  await here.server.sh(
    'for tables in iptables ip6tables; do $tables -D INPUT -p tcp --dport 2222 -j DROP; done; systemctl stop silent.socket',
  )
  expect(runs.map(run => run.errors.join('\n'))).toEqual(
    like(
      /port 2222 does not answer \(Connection timed out\); is the machine up/,
      /^the name nowhere\.berth\.test does not resolve; add its DNS record/,
      /^nothing listens for SSH at .* port 2224; is sshd running there/,
      /port 2223 accepts the connection but does not speak SSH/,
    ),
  )
  expect(Date.now() - started).toBeLessThan(45_000)
})

test('wrong user, wrong key: one attempt each, and the end', async () => {
  const stranger = await here.world.runner.sh(
    'd=$(mktemp -d); ssh-keygen -q -t ed25519 -N "" -f $d/key && cat $d/key; rm -r $d',
  )
  await contacts()
  const runs = [
    await here.step({ 'ssh-user': 'nobody-here' }),
    await here.step({ 'ssh-key': `${stranger}\n` }),
  ]
  expect(runs.flatMap(run => run.errors)).toEqual(
    like(/does not let `nobody-here` in with this key/, /does not let `root` in with this key/),
  )
  expect((await contacts()).match(/Connection from/g)).toHaveLength(2)
})

describe('injection', () => {
  const payloads = [
    '$(touch /tmp/pwned)',
    '`touch /tmp/pwned`',
    "';touch /tmp/pwned;'",
    'x;touch /tmp/pwned',
    'x\ntouch /tmp/pwned',
    '-oProxyCommand=touch /tmp/pwned',
    '../../../../tmp/pwned',
    '%0atouch /tmp/pwned',
  ]
  /** What is something else than a name: two tags, of which each is one, and a path, which must lead into the workspace. */
  const harmless: Record<string, string[]> = { '../../../../tmp/pwned': ['image'] }
  /** All inputs that are a name, an address, a number or a choice. */
  const names = [
    ...['mode', 'domain', 'directory', 'ssh-host', 'ssh-port', 'ssh-user', 'ssh-jump', 'email'],
    ...['registry-image', 'acme-server', 'renew-before', 'push-user', 'image', 'tags'],
    ...['install', 'adopt', 'auth', 'immutable'],
  ]

  test('is rejected in each input, by its name', async () => {
    for (const payload of payloads) {
      const bad = Object.fromEntries(names.map(name => [name, payload]))
      const users = `${payload.replace('\n', '')}:${password()}`
      const errors = await refused({ ...bad, users, access: `${JSON.stringify(payload)}: push` })
      const accepted = [...names, 'users'].filter(
        name => !errors.some(error => error.startsWith(`${name}: `)),
      )
      expect({ payload, accepted }).toEqual({ payload, accepted: harmless[payload] ?? [] })
    }
    await unharmed()
  })

  test('is only text where any text is allowed', async () => {
    const [first = ''] = payloads
    const password = `${first}'"\\\`touch /tmp/pwned\``
    here.secrets.push(password)
    const run = await here.step({
      users: `${here.inputs.users}\nbob:${password}`,
      'sudo-password': password,
      'ssh-key-passphrase': password,
      'registry-config': JSON.stringify({ log: { fields: { note: payloads.join(' ') } } }),
    })
    expect(run.errors).toEqual([])
    expect(await here.server.sh('cat /opt/berth/generations/*/config.yml')).toContain(first)
    await unharmed()
  })

  async function unharmed() {
    for (const machine of [here.server, here.world.runner, here.world.consumer])
      expect((await machine.run('find / -xdev -name pwned -not -path "/proc/*" | grep .')).stdout).toBe('')
  }
})

test('users that can’t be: all at once, by line, and none repeated', async () => {
  const long = password().repeat(3)
  here.secrets.push(long)
  const lines = [
    ...['nocolon-hunter2', ':no-name-hunter2', 'empty:', '#comment:hunter2hunter2', 'a:x', `long:${long}`],
    ...['twin:hunter2hunter2', 'twin:hunter2hunter2'],
  ]
  const errors = await refused({ users: lines.join('\n') })
  expect(errors).toEqual(
    like(
      /^users: line 1 has no colon/,
      /^users: line 2: the name is empty/,
      /^users: line 3: the password is empty/,
      /^users: line 4: a name can’t begin with #/,
      /^users: line 5: the password is a single character/,
      /^users: line 6: the password is longer than 72 bytes/,
      /^users: line 8 has the same name as line 7/,
    ),
  )
  expect(errors.join()).not.toMatch(/hunter2/)
})

test('users empty, because the secret is missing', async () => {
  expect(await refused({ users: '' })).toEqual(
    like(/^users: is empty, so nobody could log in; is the secret/),
  )
  expect(await refused({ users: '  \n' })).toEqual(like(/^users: is empty/))
})

test('a pull request from a fork: nothing is contacted, in any mode', async () => {
  const none = { 'ssh-key': '', users: '', 'sudo-password': '', 'github-token': '' }
  const payload = { number: 7, pull_request: { number: 7, head: { repo: { fork: true } } } }
  for (const mode of ['up', 'plan', 'push']) {
    const errors = await refused(
      { ...none, mode, image: here.app },
      { event: { name: 'pull_request', ref: 'refs/pull/7/merge', payload } },
    )
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect(error).toMatch(/a pull request from a fork or Dependabot may not/)
  }
})

test('an image that is not there, a tag that is none, a repository in capital letters: named before anything is pushed', async () => {
  const uploads = () =>
    here.server.sh(`grep -c '"P[A-Z]* [^"]*" 20' /var/log/nginx/${here.domain}.access.log || :`)
  const before = await uploads()
  const errors = []
  for (const inputs of [{ image: 'no-such-image' }, { tags: 'a tag' }, { image: 'app => Team/App' }])
    errors.push(...(await here.step({ image: here.app, ...inputs })).errors)
  expect(errors).toEqual(like(/no image no-such-image/, /^tags: /, /is not a repository; write “team\/app”/))
  expect(await uploads()).toBe(before)
})

test('a domain in letters that DNS lacks: named as DNS has it', async () => {
  expect(await refused({ domain: 'registry.münchen.example', 'ssh-host': here.domain })).toEqual(
    like(/^domain: .* has letters that DNS does not allow; write registry\.xn--mnchen-3ya\.example$/),
  )
})

test('folders and archives that can’t be pushed: the advice leads to one that can', async () => {
  const { runner } = here.world
  const place = `/tmp/${here.app}`
  const as = { user: 'runner' }
  await runner.sh(`skopeo copy -q docker-daemon:${here.app}:latest dir:${place}`, as)
  const [said = ''] = (await here.step({ image: `${place} => team/app` })).errors
  const advice = /`(skopeo copy [^`]*)`/.exec(said)?.[1] ?? ''
  await runner.sh(advice, as)
  succeeded(await here.step({ image: `${place}-oci => team/app` }))

  const two = `${place}-two`
  await runner.sh(`printf 'FROM ${here.app}\\nLABEL two=2\\n' | docker build -q -t ${here.app}-two -`, as)
  for (const [name, image] of [
    ['one', here.app],
    ['two', `${here.app}-two`],
  ])
    await runner.sh(`skopeo copy -q docker-daemon:${image}:latest oci:${two}:${name}`, as)
  const [which = ''] = (await here.step({ image: `${two} => team/app` })).errors
  const source = /: write (\S+)$/.exec(which)?.[1] ?? ''
  expect(source).toBe(`oci:${two}:one`)
  succeeded(await here.step({ image: `${source} => team/app` }))
  await runner.sh(`rm -r ${place} ${place}-oci ${two}; docker rmi ${here.app}-two`, as)
})

test('a proxy in the runner’s environment that leads nowhere: a push goes straight to the registry', async () => {
  const { runner } = here.world
  const place = `/tmp/${here.app}.tar`
  const as = { user: 'runner' }
  await runner.sh(`skopeo copy -q docker-daemon:${here.app}:latest oci-archive:${place}:app`, as)
  const proxy = 'http://127.0.0.1:9'
  const env = { HTTPS_PROXY: proxy, https_proxy: proxy, HTTP_PROXY: proxy, http_proxy: proxy }
  succeeded(await here.step({ image: `${place} => team/app\n${here.app} => team/other` }, { env }))
  await runner.sh(`rm ${place}`, as)
})
