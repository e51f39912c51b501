import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { defaultImage } from '../../src/desired.ts'
import { InputError } from '../../src/failure.ts'
import { type Inputs, readInputs } from '../../src/inputs/inputs.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-inputs-'))
const keygen = (name: string, passphrase: string) => {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', join(folder, name)])
  return readFileSync(join(folder, name), 'utf8')
}
const key = keygen('key', '')
const locked = keygen('locked', 'opens it')
const host = `registry.example.com ${readFileSync(join(folder, 'key.pub'), 'utf8').trim()}`
rmSync(folder, { recursive: true })

const metadata = parse(readFileSync(join(import.meta.dirname, '../../action.yml'), 'utf8'))
const defaults = Object.fromEntries(
  Object.entries<{ default?: string }>(metadata.inputs).map(([name, input]) => [name, input.default ?? '']),
)
const given = {
  domain: 'registry.example.com',
  'ssh-key': key,
  'ssh-known-hosts': host,
  users: 'ci:correct-horse\nalice:battery-staple',
}
const event = {
  name: 'push',
  ref: 'refs/heads/main',
  sha: 'ffac537e6c',
  defaultBranch: 'main',
  pull: undefined,
  owner: 'acme',
}

async function read(changes: Record<string, string> = {}): Promise<{ inputs: Inputs; secrets: string[] }> {
  const all: Record<string, string> = { ...defaults, ...given, ...changes }
  const secrets: string[] = []
  const get = (name: string) => {
    if (!(name in defaults)) throw new Error(`action.yml does not declare ${name}`)
    return all[name] ?? ''
  }
  return { inputs: await readInputs(get, text => secrets.push(text), event), secrets }
}

async function problems(changes: Record<string, string>): Promise<readonly string[]> {
  try {
    await read(changes)
  } catch (error) {
    if (error instanceof InputError) return error.mistakes.map(({ message }) => message)
    throw error
  }
  return []
}

test('the fewest inputs', async () => {
  const { inputs } = await read()
  expect(inputs).toMatchObject({
    mode: 'up',
    desired: {
      domain: 'registry.example.com',
      directory: '/opt/berth',
      install: true,
      registry: { image: defaultImage, config: {} },
      users: [
        { name: 'ci', password: 'correct-horse' },
        { name: 'alice', password: 'battery-staple' },
      ],
      acme: { server: 'https://acme-v02.api.letsencrypt.org/directory' },
      renewBefore: 30,
    },
    targets: [
      {
        host: 'registry.example.com',
        port: 22,
        user: 'root',
        key,
        knownHosts: [host],
        fingerprints: [],
      },
    ],
    images: [],
    pushUser: { name: 'ci' },
  })
})

test('all that can be said differently', async () => {
  const { inputs } = await read({
    domain: ' Registry.Example.COM ',
    email: 'ops+registry@example.com',
    'ssh-host': '[2001:db8::1]',
    'ssh-port': '2222',
    'ssh-user': 'deploy',
    'ssh-jump': 'hop@[2001:db8::2]:2200',
    'sudo-password': ' with spaces ',
    'registry-image': `example.com/mirror/registry:3.1.2@sha256:${'0'.repeat(64)}`,
    'registry-config': 'storage:\n  delete: null',
    'acme-server': 'letsencrypt-staging',
    'push-user': 'alice',
    install: 'false',
    image: 'app\nweb => team/web:v1',
  })
  expect(inputs).toMatchObject({
    desired: {
      domain: 'registry.example.com',
      install: false,
      registry: { config: { storage: { delete: null } } },
      acme: {
        server: 'https://acme-staging-v02.api.letsencrypt.org/directory',
        email: 'ops+registry@example.com',
      },
    },
    targets: [
      {
        host: '2001:db8::1',
        port: 2222,
        user: 'deploy',
        jump: { user: 'hop', host: '2001:db8::2', port: 2200 },
        sudoPassword: ' with spaces ',
      },
    ],
    images: [
      { source: { kind: 'docker', name: 'app' }, repository: 'app', tags: ['ffac537', 'main', 'latest'] },
      { source: { kind: 'docker', name: 'web' }, repository: 'team/web', tags: ['v1'] },
    ],
    pushUser: { name: 'alice' },
  })
})

test('mode push needs no SSH, and an open registry no users', async () => {
  const { inputs } = await read({
    mode: 'push',
    image: 'app',
    auth: 'none',
    users: '',
    'ssh-key': '',
    'ssh-known-hosts': '',
  })
  expect(inputs).toMatchObject({ targets: [], desired: { users: null }, pushUser: undefined })
})

test('a push through SSH reads how to get there, and needs no user', async () => {
  const { inputs } = await read({ mode: 'push', 'push-through': 'ssh', image: 'app', users: '' })
  expect(inputs).toMatchObject({
    throughSsh: true,
    targets: [{ host: 'registry.example.com' }],
    pushUser: undefined,
  })
  expect(
    await problems({ mode: 'push', 'push-through': 'ssh', image: 'app', users: '', login: 'true' }),
  ).toEqual([expect.stringMatching(/^users: is empty/)])
  expect(await problems({ 'push-through': 'ssh', 'registry-config': 'auth: { token: {} }' })).toEqual([
    expect.stringMatching(/^push-through: `ssh` goes straight to the registry/),
  ])
})

test('every mistake at once', async () => {
  const found = await problems({
    mode: 'upp',
    domain: 'https://registry.example.com/',
    email: 'ops',
    'ssh-host': '-oProxyCommand=id',
    'ssh-port': '0',
    'ssh-user': '$(id)',
    'ssh-key': 'x',
    'ssh-known-hosts': '',
    'ssh-jump': 'hop',
    users: 'ci',
    auth: 'basic',
    install: 'yes',
    directory: '/etc/nginx',
    'registry-image': 'registry; id',
    'registry-config': '- a',
    'acme-server': 'http://acme.example.com',
    ca: 'x',
    'renew-before': 'a month',
    image: 'App',
    tags: '-x',
    'push-user': 'nobody',
  })
  const names = found.map(problem => problem.split(':')[0])
  expect([...new Set(names)].sort()).toEqual([
    'acme-server',
    'auth',
    'ca',
    'directory',
    'domain',
    'email',
    'image',
    'install',
    'mode',
    'push-user',
    'registry-config',
    'registry-image',
    'renew-before',
    'ssh-host',
    'ssh-jump',
    'ssh-key',
    'ssh-known-hosts',
    'ssh-port',
    'ssh-user',
    'tags',
    'users',
  ])
})

describe('one mistake, one message', () => {
  test.each([
    ['mode', 'upp', '"upp" is not one of `up`, `plan`, `push`, `renew`, `clean`, `down`'],
    ['domain', '', 'is missing; give the name of the registry, such as registry.example.com'],
    [
      'domain',
      'https://Registry.example.com/',
      'is "https://registry.example.com/"; write the name alone, registry.example.com',
    ],
    [
      'domain',
      'registry.example.com.',
      expect.stringContaining('write the name alone, registry.example.com'),
    ],
    ['domain', 'registry.example.com/team', expect.stringContaining('is not a domain name')],
    ['domain', 'my_registry.example.com', expect.stringContaining('has an underscore')],
    [
      'domain',
      `${'a'.repeat(60)}.${'b'.repeat(9)}.example.com`,
      expect.stringContaining('has 82 characters, and a registry’s name can have at most 81'),
    ],
    ['email', 'a@b; id', '"a@b; id" is not an e-mail address'],
    ['ssh-host', 'a b', '"a b" is not a host name or an IP address, as `host` or `user@host:port`'],
    ['ssh-port', '22 ', undefined],
    ['ssh-port', '65536', '"65536" is not a whole number from 1 to 65535'],
    ['ssh-user', '-l', '"-l" is not a user name'],
    ['ssh-key', '', expect.stringMatching(/is missing; give a private key.*a fork or Dependabot may not/)],
    ['ssh-key', key.slice(0, 200), 'is truncated: it must go from its BEGIN line to its END line'],
    ['ssh-known-hosts', '', expect.stringContaining('run `ssh-keyscan registry.example.com`')],
    ['ssh-jump', 'user@host:port', '"user@host:port" is not user@host or user@host:port'],
    ['auth', 'basic', '"basic" is not one of `htpasswd`, `none`'],
    ['users', '', expect.stringContaining('a pull request from a fork or Dependabot may not')],
    ['users', 'ci:ok-password\nx', 'line 2 has no colon; write name:password'],
    ['registry-config', 'a: [', expect.stringMatching(/^is not YAML: /)],
    ['registry-config', 'text', 'is not a YAML map'],
    ['ca', 'x', 'holds no PEM certificate'],
    ['push-user', 'bob', '"bob" is not one of `users`'],
    ['install', 'yes', '"yes" is not one of `false`, `true`'],
  ])('%s: %j', async (name, value, message) => {
    const found = await problems({ [name]: value })
    expect(found).toEqual(message === undefined ? [] : [expect.anything()])
    if (message !== undefined) expect(found[0]?.slice(name.length + 2)).toEqual(message)
  })

  test('a name that no registry can have is refused, but for what is to be taken away', async () => {
    const longest = `${'a'.repeat(60)}.${'b'.repeat(8)}.example.com`
    expect(await problems({ domain: longest })).toEqual([])
    for (const domain of ['my_registry.example.com', `b${longest}`]) {
      expect(await problems({ domain, mode: 'down' })).toEqual([])
      expect(await problems({ domain, 'ssh-host': 'my_server.example.com' })).toHaveLength(1)
    }
  })

  test('a key with a passphrase, and none given', async () => {
    expect(await problems({ 'ssh-key': locked })).toEqual([
      expect.stringMatching(/^ssh-key-passphrase: is missing/),
    ])
    expect(await problems({ 'ssh-key': locked, 'ssh-key-passphrase': 'opens it' })).toEqual([])
  })

  test('several servers that would have images of their own', async () => {
    const [, type, blob] = host.split(' ')
    const several = {
      'ssh-host': 'web1\nweb2 10.0.0.2',
      'ssh-known-hosts': `web1 ${type} ${blob}\nweb2 ${type} ${blob}`,
    }
    const store = { 'registry-config': 'storage: { filesystem: null, s3: { bucket: images } }' }
    expect(await problems(several)).toEqual([
      expect.stringMatching(/^ssh-host: has 2 servers, .*keep them in object storage/),
    ])
    expect(await problems({ ...several, mode: 'renew' })).toEqual([])
    const { inputs, secrets } = await read({ ...several, ...store })
    expect(inputs.desired.shared).toMatchObject({ peers: ['10.0.0.2'] })
    expect(secrets).toContain(inputs.desired.shared?.secret)
    expect((await read(store)).inputs.desired.shared).toBeUndefined()
  })

  test('mode push without an image', async () => {
    expect(await problems({ mode: 'push' })).toEqual([
      'image: is missing; name the image to push, or give `login: true` for later steps',
    ])
    expect(await problems({ mode: 'push', login: 'true' })).toEqual([])
  })
})

describe('what could run a command somewhere is refused', () => {
  const fields = [
    'domain',
    'email',
    'ssh-host',
    'ssh-user',
    'ssh-jump',
    'directory',
    'registry-image',
    'acme-server',
    'image',
    'tags',
  ]
  const attacks = [
    '$(id)',
    '`id`',
    'a;id',
    'a\nb',
    "a'b",
    '-oProxyCommand=id',
    '../../etc',
    'a b',
    'a|b',
    'a&b',
    '\0',
  ]
  test.each(fields)('%s', async name => {
    for (const attack of attacks) {
      // Several tags may be given, one a line.
      if (attack === 'a\nb' && ['image', 'tags'].includes(name)) continue
      // A source may be a file that an earlier step wrote.
      if (attack === '../../etc' && name === 'image') continue
      expect({ attack, found: (await problems({ [name]: attack })).map(each => each.split(':')[0]) }).toEqual(
        {
          attack,
          found: expect.arrayContaining([name]),
        },
      )
    }
  })
})

test.each([
  '/',
  '/opt',
  '/etc',
  '/etc/berth',
  '/usr/local/berth',
  '/var/lib',
  '/home',
  'opt/berth',
  '/opt/../etc',
  '/opt/be rth',
  '/opt/$(id)',
  '/opt/berth/',
])('directory %j is refused', async directory => {
  expect(await problems({ directory })).toHaveLength(1)
})

test.each(['/opt/berth', '/srv/registry', '/home/me/registry', '/var/lib/berth'])(
  'directory %j is fine',
  async directory => {
    expect((await read({ directory })).inputs.desired.directory).toBe(directory)
  },
)

describe('masking', () => {
  test('each leaf: passwords, logins, each line of the key, passphrase, sudo password', async () => {
    const { secrets } = await read({
      'ssh-key': locked,
      'ssh-key-passphrase': 'opens it',
      'sudo-password': 'root please',
      'github-token': 'ghs_0123',
    })
    expect(secrets).toEqual(
      expect.arrayContaining([
        'correct-horse',
        'battery-staple',
        Buffer.from('ci:correct-horse').toString('base64'),
        'opens it',
        'root please',
        'ghs_0123',
        ...locked.split('\n').filter(line => line !== '' && !line.startsWith('-----')),
      ]),
    )
  })

  test('what is masked is masked also when something else is wrong', async () => {
    const secrets: string[] = []
    const all: Record<string, string> = { ...defaults, ...given, domain: '', 'sudo-password': 'root please' }
    await expect(
      readInputs(
        name => all[name] ?? '',
        text => secrets.push(text),
        event,
      ),
    ).rejects.toThrow(InputError)
    expect(secrets).toEqual(expect.arrayContaining(['correct-horse', 'root please']))
  })

  test('no mistake repeats a secret', async () => {
    const secret = 'pa55phrase'
    const found = await problems({
      'ssh-key': secret,
      users: secret,
      ca: secret,
      'sudo-password': secret,
      'ssh-key-passphrase': secret,
    })
    expect(found.length).toBeGreaterThan(2)
    expect(found.join()).not.toContain(secret)
  })
})

describe('every image is deleted', () => {
  test('by mode `down` with the domain repeated, and by nothing else', async () => {
    expect((await read({ mode: 'down', purge: given.domain })).inputs.desired.purge).toBe(true)
    expect((await read({ mode: 'down' })).inputs.desired.purge).toBe(false)
  })

  test.each(['true', 'yes', 'Registry.example.com', 'other.example.com', 'example.com'])(
    'never for “%s”',
    async purge => {
      expect(await problems({ mode: 'down', purge })).toEqual([
        `purge: must be the domain, ${given.domain}, for every image to be deleted`,
      ])
    },
  )

  test.each(['up', 'plan', 'renew', 'clean'])('never by mode %s', async mode => {
    expect(await problems({ mode, purge: given.domain })).toEqual(['purge: is only for mode `down`'])
  })
})

test('rules say nothing of users whose lines are wrong', async () => {
  expect(await problems({ access: 'bob: push', users: 'bob' })).toEqual([
    expect.stringMatching(/^users: line 1 has no colon/),
  ])
})

test('a domain in letters that DNS lacks is told as DNS writes it', async () => {
  expect(await problems({ domain: 'bücher.example.com' })).toContainEqual(
    expect.stringMatching(/^domain: .* write xn--bcher-kva\.example\.com$/),
  )
})
