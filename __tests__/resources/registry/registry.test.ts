import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { configYaml, merge } from '../../../src/resources/registry/compose.ts'
import { registry } from '../../../src/resources/registry/registry.ts'
import { recorded } from '../../recorded.ts'

const { desired, facts } = recorded('trixie', 'converged')
const seen = registry.read(facts, desired)
const summaries = (changes: Partial<typeof seen>, wanted = desired) =>
  registry.steps(wanted, { ...seen, ...changes }).flatMap(step => step.changes.map(({ summary }) => summary))

describe('plan', () => {
  test.each([
    ['nothing', {}, []],
    [
      'a stopped container',
      { container: { ...seen.container, status: 'exited' } },
      ['restart registry:3.1.2, for it is exited'],
    ],
    [
      'no container',
      { container: { status: 'absent', restart: '', label: '' } },
      ['start registry:3.1.2 on port 5000'],
    ],
    [
      'a container made otherwise',
      { container: { ...seen.container, label: 'x' } },
      ['restart registry:3.1.2, for its files have changed'],
    ],
    [
      'a container that stays down',
      { container: { ...seen.container, restart: 'no' } },
      ['restart registry:3.1.2, for it would not restart by itself'],
    ],
    ['no secret', { secret: false }, ['restart registry:3.1.2, for its secret is gone']],
    [
      'Docker not at boot',
      { enabled: false },
      ['restart registry:3.1.2, for Docker does not start with the machine'],
    ],
    [
      'images of another account',
      { data: '0:0' },
      ['restart registry:3.1.2, for its images belong to another account'],
    ],
    ['no config.yml', { config: undefined }, ['/opt/berth/config.yml']],
    [
      'an edited compose.yaml',
      { compose: { mode: '644', owner: 'root:root', content: 'x' } },
      ['/opt/berth/compose.yaml'],
    ],
    [
      'a config.yml that all can read',
      { config: seen.config && { ...seen.config, mode: '644' } },
      ['/opt/berth/config.yml from 644 65532:65532 to 600 65532:65532'],
    ],
  ])('%s', (_, changes, expected) => {
    expect(summaries(changes)).toEqual(expected)
  })
})

describe('obstacles', () => {
  const obstacles = (changes: Partial<typeof seen>, adopt = false) =>
    registry.failures?.({ ...desired, adopt }, { ...seen, ...changes })?.map(({ message }) => message)
  test.each([
    ['nobody', {}, false, []],
    [
      'a program',
      { holder: 'program python3' },
      false,
      ['port 5000 is taken by program python3; give another `registry-port`'],
    ],
    [
      'a registry',
      { holder: 'container reg', predecessor: true },
      false,
      [expect.stringContaining('take it over with its images and users by `adopt: true`')],
    ],
    ['a registry, to adopt', { holder: 'container reg', predecessor: true }, true, []],
    [
      'a program, though adopting',
      { holder: 'program python3' },
      true,
      ['port 5000 is taken by program python3; give another `registry-port`'],
    ],
  ])('%s has the port', (_, changes, adopt, expected) => {
    expect(obstacles(changes, adopt)).toEqual(expected)
  })
})

test('compose.yaml: loopback only, restarting always, data in a folder, no power, no secret', () => {
  const [step] = registry.steps(desired, { ...seen, compose: undefined })
  const text = step?.call.find(argument => argument.includes('services:')) ?? ''
  expect(parse(text).services.registry).toMatchObject({
    image: 'registry:3.1.2',
    restart: 'always',
    user: '65532:65532',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    mem_limit: '1g',
    pids_limit: 2048,
    logging: { options: { 'max-size': '10m', 'max-file': '3' } },
    ports: ['127.0.0.1:5000:5000'],
    volumes: expect.arrayContaining(['/opt/berth/data:/var/lib/registry', '/opt/berth/auth:/auth:ro']),
  })
})

test.each([
  ['users', desired.users, { htpasswd: { realm: 'Registry', path: '/auth/htpasswd' } }],
  ['nobody', null, undefined],
])('config.yml with %s', (_, users, auth) => {
  expect(parse(configYaml({ users, registry: desired.registry })).auth).toEqual(auth)
})

test.each([
  ['a value', { a: 1 }, { a: 2 }, { a: 2 }],
  ['deep', { a: { b: 1, c: 2 } }, { a: { b: 3 } }, { a: { b: 3, c: 2 } }],
  ['null takes away', { a: 1, b: { c: 1, d: 2 } }, { b: { c: null } }, { a: 1, b: { d: 2 } }],
  ['a list replaces', { a: [1, 2] }, { a: [3] }, { a: [3] }],
  ['a map over a value', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
  ['a value over a map', { a: { b: 2 } }, { a: 'x' }, { a: 'x' }],
])('merge: %s', (_, base, over, merged) => {
  expect(merge(base, over)).toEqual(merged)
})

test('a registry that does not start is told in its own words', () => {
  const output = `
 Container berth-registry  Started
Error response from daemon: Cannot update container 112ca3d0f1af: container not running
the registry is back as it was; the new one said:
configuration error: must provide exactly one storage type
`
  expect(registry.explain?.(desired, output)?.message).toBe(
    'the registry is back as it was; the new one said:\n  configuration error: must provide exactly one storage type',
  )
  expect(registry.explain?.(desired, 'Error response from daemon: pull access denied')).toBeUndefined()
})
