import { describe, expect, test } from '@jest/globals'
import type { Topic } from '../../../src/failure.ts'
import { registry } from '../../../src/resources/registry/registry.ts'
import { recorded } from '../../recorded.ts'

const { desired, facts } = recorded('trixie', 'converged')
const seen = registry.read(facts, desired)
const folder = `/opt/berth/generations/${seen.generation}`
const steps = (changes: Partial<typeof seen>, wanted = desired) =>
  registry.steps(wanted, { ...seen, ...changes })
const summaries = (changes: Partial<typeof seen>, wanted = desired) =>
  steps(changes, wanted).flatMap(step => step.changes.map(({ summary }) => summary))
const anew = (reason: string) => `replace the container with a new one of registry:3.1.2, because ${reason}`

test.each([
  ['nothing', {}, []],
  ['a stopped container', { status: 'exited' }, [anew('it is exited')]],
  ['no container', { status: 'absent', restart: '' }, [anew('it is gone')]],
  ['a container that stays down', { restart: 'no' }, [anew('it would not restart by itself')]],
  ['no secret', { secret: false }, [anew('its secret is gone')]],
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
  const parents = (owner: string, mode: string) => ({ parents: [{ path: '/srv', owner, mode }] })

  test.each([
    ['nothing', {}, false, []],
    [
      'a folder of another registry',
      { domain: 'other.example.com' },
      false,
      ['/opt/berth belongs to the registry other.example.com; give'],
    ],
    [
      'a folder that another user owns',
      parents('1000', '755'),
      false,
      ['the user 1000 owns /srv and could become root'],
    ],
    [
      'a folder that others may write to',
      parents('0', '777'),
      false,
      ['users other than root can write to /srv'],
    ],
    [
      'a folder that nginx can’t enter',
      parents('0', '750'),
      false,
      ['nginx can’t get to /opt/berth, for /srv is closed'],
    ],
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

test('a registry that somebody set up by hand is told of before the first run', () => {
  const warnings = (changes: Partial<typeof seen>) => registry.warnings?.(desired, { ...seen, ...changes })
  expect(warnings({ generation: '', predecessors: ['reg'] })?.[0]?.message).toContain('set `adopt: true`')
  expect(warnings({ predecessors: ['reg'] })).toEqual([])
})

test.each<[string, string, Topic, string]>([
  [
    'the words of the registry, not Docker’s',
    `Error response from daemon: Cannot update container 112ca3d0f1af: container not running
the registry serves as before; the new one said:
configuration error: must provide exactly one storage type
`,
    'registryStart',
    'the registry serves as before; the new one said:\n  configuration error: must provide exactly one storage type',
  ],
  [
    'an image without a shell',
    'docker: Error response from daemon: failed to create task: exec: "/bin/sh": stat /bin/sh: no such file or directory',
    'registryStart',
    'the image in `registry-image` has no /bin/sh',
  ],
  [
    'Docker that is masked',
    'Docker does not start: its unit is masked\n',
    'serverDocker',
    'Docker does not start on the server (its unit is masked)',
  ],
  [
    'images that are there already',
    'reg\n/opt/berth/data holds images already; move it away, or adopt into another directory\n',
    'rival',
    '/opt/berth/data holds images already; move it away, or adopt into another directory',
  ],
])('why a step failed: %s', (_, output, topic, words) => {
  expect(registry.explain?.(desired, output)).toMatchObject({
    topic,
    message: expect.stringContaining(words),
  })
})

test('what it does not know is left to the programs’ own words', () => {
  expect(registry.explain?.(desired, 'Error response from daemon: pull access denied')).toBeUndefined()
})
