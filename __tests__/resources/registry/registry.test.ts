import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { registry } from '../../../src/resources/registry/registry.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { recorded } from '../../recorded.ts'

const { desired, facts, output } = recorded('trixie', 'converged')
const seen = registry.read(facts, desired)
const folder = `/opt/berth/generations/${seen.generation}`
const steps = (changes: Partial<typeof seen>, wanted = desired) =>
  registry.steps(wanted, { ...seen, ...changes })
const summaries = (changes: Partial<typeof seen>, wanted = desired) =>
  steps(changes, wanted).flatMap(step => step.changes.map(({ summary }) => summary))
const anew = (reason: string) => `replace the container with a new one of registry:3.1.2, because ${reason}`

test.each([
  ['nothing', {}, []],
  ['a stopped container', { status: 'exited' }, [anew('its state is exited')]],
  ['no container', { status: 'absent', restart: '' }, [anew('it is gone')]],
  ['a container that stays down', { restart: 'no' }, [anew('it would not restart by itself')]],
  ['no secret', { secret: false }, [anew('its secret is gone')]],
  [
    'an authority that the server has got since',
    { distrustful: true },
    [anew('it does not know yet which authorities the server trusts')],
  ],
  ['Docker not at boot', { enabled: false }, [anew('Docker does not start with the machine')]],
  ['images of another account', { data: '0:0' }, [anew('its images belong to another account')]],
  ['what a run that was cut off left', { leftovers: ['0badcafe'] }, [anew('an earlier change was cut off')]],
  [
    'another user for nginx’s workers',
    { group: { socket: 'www-data', nginx: 'nginx' } },
    [anew('nginx can’t reach its socket')],
  ],
  [
    'a configuration that all can read',
    { config: seen.config && { ...seen.config, mode: '644' } },
    [
      `${folder}/config.yml from 644 65532:65532 to 600 65532:65532`,
      anew('others could read or change its settings'),
    ],
  ],
  ['the same again', { generation: `${seen.generation}-2` }, []],
  ['no configuration', { config: undefined }, [`${folder}/config.yml`, anew('its settings have changed')]],
  [
    'an edited start script',
    { start: seen.start && { ...seen.start, content: 'x' } },
    [`${folder}/start`, anew('its settings have changed')],
  ],
])('%s', (_, changes, expected) => {
  expect(summaries(changes)).toEqual(expected)
})

test('a change of settings is a generation of another name', () => {
  const wanted = { ...desired, registry: { ...desired.registry, config: { log: { level: 'debug' } } } }
  const [step] = steps({}, wanted)
  const [name, directory, domain, generation] = step?.call ?? []
  expect([name, directory, domain]).toEqual(['registry_up', '/opt/berth', desired.domain])
  expect(generation).toMatch(/^[0-9a-f]{8}$/)
  expect(generation).not.toBe(seen.generation)
})

test('a new bucket is tried before the registry changes', () => {
  const bucket = {
    ...{ name: 'my-images', folder: '', region: 'eu-central-1', endpoint: undefined },
    ...{ accessKey: 'id', secretKey: 'hidden', redirect: false },
  }
  const wanted = { ...desired, registry: { ...desired.registry, bucket } }
  expect(steps({}, wanted).map(({ call }) => call[0])).toEqual(['bucket_check', 'registry_up'])
})

test('the container of a Berth that published a port goes when nginx has left it', () => {
  const before = {
    generation: '',
    status: 'absent',
    start: undefined,
    config: undefined,
    published: 'running',
  }
  const [up, retire] = steps(before)
  expect(up?.call[0]).toBe('registry_up')
  expect(retire).toMatchObject({
    after: 'site',
    call: ['registry_retire_published', '/opt/berth', expect.any(String), desired.domain],
  })
})

describe('failures', () => {
  const failures = (changes: Partial<typeof seen>, adopt = false) =>
    registry.failures?.({ ...desired, adopt }, { ...seen, ...changes })
  const parents = (owner: string, mode: string) => ({ parents: [{ path: '/opt', owner, mode }] })

  test.each([
    ['nothing', {}, false, []],
    [
      'a folder that another user owns',
      parents('1000', '755'),
      false,
      ['the user 1000 owns /opt and could become root'],
    ],
    [
      'a folder that others may write to',
      parents('0', '777'),
      false,
      ['users other than root can write to /opt'],
    ],
    [
      'a folder that nginx can’t enter',
      parents('0', '750'),
      false,
      ['nginx can’t get to /opt/berth, for /opt is closed'],
    ],
    [
      'images elsewhere, in a folder that another user owns',
      { parents: [{ path: '/mnt', owner: '1000', mode: '700' }] },
      false,
      ['the user 1000 owns /mnt and could become root'],
    ],
    [
      'images elsewhere, in a folder that is closed',
      { parents: [{ path: '/mnt', owner: '0', mode: '700' }] },
      false,
      [],
    ],
    ['an engine that is no service', { service: false }, false, ['a Docker that is not the service']],
    ['one registry to adopt', { predecessors: ['reg'] }, true, []],
    [
      'two registries to adopt',
      { predecessors: ['reg', 'old'] },
      true,
      ['there are several registries to adopt, reg, old; stop'],
    ],
  ])('%s', (_, changes, adopt, expected) => {
    expect(failures(changes, adopt)?.map(({ message }) => message)).toEqual(
      expected.map(text => expect.stringContaining(text)),
    )
  })
})

describe('whose it is', () => {
  const other = { domain: 'other.example.com' }
  const mine = `/opt/berth-${desired.domain}`

  test.each([
    ['its own', {}, []],
    ['nobody’s', { domain: '', place: '' }, []],
    [
      'another registry’s',
      other,
      [
        `/opt/berth belongs to the registry other.example.com, with its images and users; give ${desired.domain} a \`directory\` of its own, such as ${mine}`,
      ],
    ],
    [
      'its own, and its site leads elsewhere',
      { place: mine },
      [expect.stringMatching(/^the registry .* is in .* and not in \/opt\/berth; give `directory: /)],
    ],
  ])('%s', (_, changes, expected) => {
    const claims = registry.claims?.(desired, { ...seen, ...changes })
    expect(claims?.map(({ message }) => message)).toEqual(expected)
  })

  test('what a first run for a wrong name left makes room', () => {
    const facts = (name: string) => Facts.parse(output.replace(/^(berth:registry\.domain=).*$/m, `$1${name}`))
    const left = registry.read(facts('wrong.example.com void'), desired)
    expect(registry.claims?.(desired, left)).toEqual([])
    expect(registry.steps(desired, left).map(({ call }) => call.slice(0, 3))).toEqual([
      ['registry_abandon', '/opt/berth', 'wrong.example.com'],
      ['registry_up', '/opt/berth', desired.domain],
    ])
    expect(registry.removal?.({ ...desired, purge: true }, left)).toEqual([])
    const kept = registry.read(facts('other.example.com'), desired)
    expect(registry.claims?.(desired, kept)).toHaveLength(1)
  })

  test('`purge` deletes what is Berth’s, and leaves what somebody else keeps beside it', () => {
    const place = mkdtempSync(join(tmpdir(), 'berth-purge-'))
    const purge = () =>
      sh(['server/protocol', 'resources/registry/registry'], `registry_purge '${join(place, 'berth')}'`).code
    const make = (...files: string[]) => {
      for (const each of files) {
        mkdirSync(join(place, 'berth', dirname(each)), { recursive: true })
        writeFileSync(join(place, 'berth', each), '')
      }
    }
    try {
      make('data/docker/registry/v2/blob', 'htpasswd', 'secret.env', 'domain', 'page/page.js', 'nextcloud.db')
      expect(purge()).toBe(0)
      expect(readdirSync(join(place, 'berth'))).toEqual(['nextcloud.db'])
      rmSync(join(place, 'berth/nextcloud.db'))
      make('data/docker/registry/v2/blob', 'run/a.sock', 'generations/a/start', 'peers.pem', 'before-berth/x')
      expect(purge()).toBe(0)
      expect(readdirSync(place)).toEqual([])
    } finally {
      rmSync(place, { recursive: true })
    }
  })

  test('`purge` takes no folder that Berth has not made', () => {
    const purge = (changes: Partial<typeof seen>) =>
      registry
        .removal?.({ ...desired, purge: true }, { ...seen, ...changes })
        .filter(({ call: [name] }) => name === 'registry_purge')
    expect(purge({})).toHaveLength(1)
    expect(purge({ domain: '', secret: false })).toEqual([])
  })
})

test('a registry that somebody set up by hand is told of before the first run', () => {
  const warnings = (changes: Partial<typeof seen>) => registry.warnings?.(desired, { ...seen, ...changes })
  expect(warnings({ generation: '', predecessors: ['reg'] })?.[0]?.message).toContain('set `adopt: true`')
  expect(warnings({ predecessors: ['reg'] })).toEqual([])
})

describe('on the server', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  const path = (name: string) => programs.file(`berth/${name}`)
  const text = (name: string) => readFileSync(path(name), 'utf8')
  const mode = (name: string) => (statSync(path(name)).mode & 0o7777).toString(8)
  const run = (lines: string) =>
    sh(
      ['server/protocol', 'server/facts', 'server/apply', 'resources/registry/registry'],
      `chown() { echo "chown $*"; }\nnginx_group() { echo www-data; }\nset -e\n${lines}`,
    )

  describe('the place of a registry', () => {
    const place = () => run(`registry_place '${programs.file('berth')}' registry.example.com`)

    test('lets nginx’s workers reach the sockets, and nobody read the secret', () => {
      const { code, stdout } = place()
      expect(code).toBe(0)
      expect(stdout).toContain(`chown 65532:www-data ${path('run')}\n`)
      expect(['', 'run', 'domain', 'secret.env'].map(mode)).toEqual(['755', '2750', '644', '600'])
      expect(text('domain')).toBe('registry.example.com')
      expect(text('secret.env')).toMatch(/^REGISTRY_HTTP_SECRET=[0-9a-f]{64}\n$/)
    })

    test('is closed again where somebody opened it, and keeps its secret', () => {
      place()
      const secret = text('secret.env')
      chmodSync(path('run'), 0o2777)
      place()
      expect(mode('run')).toBe('2750')
      expect(text('secret.env')).toBe(secret)
    })
  })

  describe('a generation', () => {
    const own = `${process.getuid?.()}:${process.getgid?.()}`
    beforeEach(() => {
      programs.add(
        'docker',
        `case $1 in inspect) exit 1 ;; ps) ;; *) echo "docker $*" >>"$here/calls" ;; esac`,
      )
      programs.add('systemctl', 'case "$*" in *is-active*) exit 1 ;; esac')
      programs.add('systemd-run', 'echo "systemd-run $*" >>"$here/calls"')
    })

    /** `start` is the script that starts its container. Its images may belong to nobody else, so here they are this user’s. */
    const up = (generation: string, start = 'exit 0') =>
      run(`PATH='${process.env.PATH}' ACCOUNT=${own}
socket_answers() { :; }
registry_up '${programs.file('berth')}' registry.example.com ${generation} '${start}' 'secretkey: hidden'`)
    const calls = () => readFileSync(programs.file('calls'), 'utf8')

    test('serves once it has started, and only the registry may read its settings', () => {
      const { code, stdout } = up('a')
      expect(code).toBe(0)
      expect(stdout).toContain(`chown ${own} ${path('generations/a/config.yml')}.berth-new\n`)
      expect(['data', 'generations/a/start', 'generations/a/config.yml'].map(mode)).toEqual([
        '700',
        '755',
        '600',
      ])
      expect(readlinkSync(path('registry.sock'))).toBe('run/a.sock')
    })

    test('takes over from the one before it', () => {
      up('a')
      expect(up('b').code).toBe(0)
      expect(readlinkSync(path('registry.sock'))).toBe('run/b.sock')
      expect(readdirSync(path('generations'))).toEqual(['b'])
      expect(calls()).toContain('docker update --restart no berth-registry-example-com-a\n')
      expect(calls()).toContain('systemd-run --quiet --collect --unit berth-registry-example-com-a ')
    })

    test('that does not start leaves the one before it as it was', () => {
      up('a')
      const { code, stdout } = up('b', 'echo no such image; exit 1')
      expect(code).toBe(1)
      expect(stdout).toMatch(/the registry serves as before; the new one said:\nno such image\n$/)
      expect(readlinkSync(path('registry.sock'))).toBe('run/a.sock')
      expect(readdirSync(path('generations'))).toEqual(['a'])
      expect(calls()).toBe('docker rm -f berth-registry-example-com-b\n')
    })
  })
})
