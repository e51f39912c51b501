import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { defaultImage } from '../../../src/desired.ts'
import { generation } from '../../../src/resources/registry/generation.ts'
import { recorded } from '../../recorded.ts'

const { desired } = recorded('trixie', 'bare')
const place = mkdtempSync(join(tmpdir(), 'berth-generation-'))
afterAll(() => rmSync(place, { recursive: true }))

/** What the script asks of a Docker that has every image, or none: its arguments, one an entry. */
function started(wanted: typeof desired, has = true): string[] {
  const here = { ...wanted, directory: place }
  const folder = join(place, 'generations/0badcafe')
  mkdirSync(join(place, 'bin'), { recursive: true })
  mkdirSync(join(place, 'run'), { recursive: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(place, 'bin/docker'),
    `#!/bin/sh\ncase $1 in run) printf '%s\\n' "$@" ;; *) ${has} ;; esac\n`,
  )
  chmodSync(join(place, 'bin/docker'), 0o755)
  writeFileSync(join(folder, 'start'), generation(here).start)
  const { stdout } = spawnSync('sh', [join(folder, 'start')], {
    encoding: 'utf8',
    env: { PATH: `${join(place, 'bin')}:${process.env.PATH}` },
  })
  return stdout.trimEnd().split('\n')
}

test('a container without network, power or a place to write, that comes back by itself', () => {
  const args = started(desired)
  const option = (name: string) => args.flatMap((each, index) => (each === name ? [args[index + 1]] : []))
  expect(args).not.toContain('--publish')
  expect(option('--network')).toEqual(['none'])
  expect(option('--restart')).toEqual(['always'])
  expect(option('--cap-drop')).toEqual(['ALL'])
  expect(option('--security-opt')).toEqual(['no-new-privileges'])
  expect(args).toContain('--read-only')
  expect(option('--user')[0]).toMatch(/^65532:\d+$/)
  expect(option('--label')).toEqual([`berth.domain=${desired.domain}`])
  expect(option('--name')).toEqual([`berth-${desired.domain.replaceAll('.', '-')}-0badcafe`])
  expect(option('--env')).toContain('REGISTRY_HTTP_ADDR=/run/berth/0badcafe.sock')
  expect(option('--volume')).toEqual([
    `${place}/generations/0badcafe/config.yml:/etc/berth/config.yml:ro`,
    `${place}/run:/run/berth`,
    `${place}/data:/var/lib/registry`,
  ])
  expect(args.at(-2)).toBe('-c')
  expect(args.at(-1)).toBe('umask 0007 && exec registry serve /etc/berth/config.yml')
})

test.each([
  ['the server’s own, unless it is told another', {}, true],
  ['one of the user’s', { http: { secret: 'theirs' } }, false],
])('what signs uploads is %s', (_, config, own) => {
  const wanted = { ...desired, registry: { ...desired.registry, config } }
  expect(started(wanted).includes(`${place}/secret.env`)).toBe(own)
  expect(generation(wanted).config.includes('secret: theirs')).toBe(!own)
})

test('two of them leave the machine a fifth of its memory, and none has more than a gibibyte', () => {
  const args = started(desired)
  const total = Number(
    spawnSync(
      'sh',
      ['-c', 'exec awk "$@"', 'sh', '$1 == "MemTotal:" { print int($2 / 1024) }', '/proc/meminfo'],
      { encoding: 'utf8' },
    ).stdout,
  )
  const memory = Number(/^(\d+)m$/.exec(args[args.indexOf('--memory') + 1] ?? '')?.[1])
  expect(memory).toBe(Math.min(1024, Math.trunc(total * 0.4)))
})

test.each([
  ['nothing of the kind', {}, 'none'],
  ['notifications', { notifications: { endpoints: [] } }, 'bridge'],
  ['an object storage', { storage: { filesystem: null, s3: { bucket: 'images' } } }, 'bridge'],
  ['a mirror', { proxy: { remoteurl: 'https://registry-1.docker.io' } }, 'bridge'],
  ['tokens', { auth: { token: { realm: 'https://auth.example.com' } } }, 'bridge'],
  ['another log level', { log: { level: 'debug' } }, 'none'],
])('a network for %s: %s', (_, config, network) => {
  const args = started({ ...desired, registry: { ...desired.registry, config } })
  expect(args[args.indexOf('--network') + 1]).toBe(network)
})

test('one that speaks to others trusts whom the server trusts', () => {
  const config = { storage: { filesystem: null, s3: { bucket: 'images' } } }
  const args = started({ ...desired, registry: { ...desired.registry, config } })
  expect(args).toContain('/etc/ssl/certs/ca-certificates.crt:/etc/berth/authorities.pem:ro')
  expect(args).toContain('SSL_CERT_FILE=/etc/berth/authorities.pem')
  expect(started(desired).join()).not.toContain('authorities')
})

test('whatever needs another container has another name, and nothing else has', () => {
  const { name } = generation(desired)
  expect(
    generation({ ...desired, registry: { ...desired.registry, image: 'registry:2.8.3' } }).name,
  ).not.toBe(name)
  expect(
    generation({ ...desired, registry: { ...desired.registry, config: { log: { level: 'warn' } } } }).name,
  ).not.toBe(name)
  expect(generation({ ...desired, users: [], access: new Map() }).name).toBe(name)
})

test.each([
  ['its own image by its digest', defaultImage, true, defaultImage, undefined],
  [
    'its own image by its tag where the digest can’t be had, and says so',
    defaultImage,
    false,
    'registry:3.1.2',
    'note: registry:3.1.2 can’t be pulled by its digest from here, so it is pulled by its tag',
  ],
  [
    'an image that the user pinned, or none',
    `x/registry@${'sha256:'}${'a'.repeat(64)}`,
    false,
    `x/registry@sha256:${'a'.repeat(64)}`,
    undefined,
  ],
])('starts %s', (_, image, has, expected, note) => {
  const lines = started({ ...desired, registry: { image, config: {} } }, has)
  expect(lines[lines.indexOf('--entrypoint') + 2]).toBe(expected)
  expect(lines.find(line => line.startsWith('note:'))).toBe(note)
})
