import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { guard, guardLocation, guardMaps, guardServer, guardWay } from '../../../src/resources/guard/guard.ts'
import { library } from '../../../src/shell.ts'
import { recorded } from '../../recorded.ts'
import { day, Images } from '../../retention/images.ts'

const { desired, facts } = recorded('trixie', 'converged')
const seen = guard.read(facts, desired)
const inS3 = {
  ...desired,
  registry: { ...desired.registry, config: { storage: { filesystem: null, s3: { bucket: 'images' } } } },
}

describe('plan', () => {
  test.each([
    ['nothing', {}, []],
    [
      'a service that does not run, or would not after a reboot',
      { guarding: false },
      ['start berth-guard-recorded-trixie.berth.test'],
    ],
    [
      'an edited script',
      { script: { mode: '644', owner: 'root:root', content: 'x' } },
      ['/opt/berth/guard.sh'],
    ],
    ['no service', { unit: undefined, guarding: false }, ['berth-guard-recorded-trixie.berth.test.service']],
  ])('%s', (_, changes, expected) => {
    const steps = guard.steps(desired, { ...seen, ...changes })
    expect(steps.flatMap(({ changes }) => changes.map(({ summary }) => summary))).toEqual(expected)
  })
})

describe('warnings', () => {
  const room = '1.2G of 20G are free on /'
  test.each([
    ['plenty of room', desired, '', []],
    ['little room', desired, room, [expect.stringContaining(`the disk is nearly full, ${room}; delete`)]],
    ['little room, and images elsewhere', inS3, room, []],
  ])('%s', (_, desired, room, expected) => {
    expect(guard.warnings?.(desired, { ...seen, room }).map(({ message }) => message)).toEqual(expected)
  })
})

test('where images are kept elsewhere the storage is watched and not the disk', () => {
  const script = (wanted: typeof desired) =>
    guard
      .steps(wanted, { ...seen, script: undefined })[0]
      ?.call[3]?.split('\n')
      .find(line => /^guard\w* \/run/.test(line))
  expect(script(desired)).toMatch(/^guard .* \/opt\/berth\/data 65532:65532 "\$store"$/)
  const flag = '/run/berth-guard-recorded-trixie.berth.test/silent'
  expect(script(inS3)).toBe(`guard_storage ${flag} /opt/berth/registry.sock`)
  expect(guardLocation(inS3, false)).toContain(`if (-f ${flag}) { return 503 `)
  expect(guardLocation(desired, false)).not.toContain(flag)
})

test('a storage that does not answer is told of', () => {
  const warnings = (wanted: typeof desired) => guard.warnings?.(wanted, { ...seen, silent: true }) ?? []
  expect(warnings(inS3).map(({ message }) => message)).toEqual([expect.stringContaining('clients get 503')])
  expect(warnings(desired)).toEqual([])
  const several = { ...inS3, shared: { peers: ['web2'], secret: 'abc' } }
  expect(warnings(several).map(({ message }) => message)).toEqual([
    expect.stringContaining('so this server asks the others'),
  ])
})

test('a server whose storage does not answer asks the others, and answers itself only if one of them asks', () => {
  const id = /\$(b[0-9a-f]{6})_full/.exec(guardMaps(desired))?.[1]
  expect(guardServer(inS3, true)).toContain(`set $${id}_way ${id};`)
  expect(guardServer(inS3, true)).toMatch(/if \(-f \S+\/silent\) \{ set \$\w+_way \$\w+_detour; \}/)
  expect(guardLocation(inS3, true)).toContain(`if ($${id}_way = "") { return 503 `)
  expect(guardLocation(inS3, true)).not.toContain('/silent')
  expect(guardWay(inS3, true)).toBe(`$${id}_way`)
})

test('alone, or with images on its disk, it has nobody to ask', () => {
  for (const [wanted, peers] of [
    [inS3, false],
    [desired, false],
    [desired, true],
  ] as const) {
    expect(guardServer(wanted, peers)).toBe('')
    expect(guardWay(wanted, peers)).toMatch(/^b[0-9a-f]{6}$/)
  }
})

test('nginx looks for the word of the guard of this registry', () => {
  expect(guardMaps(desired)).toContain('PATCH /run/berth-guard-recorded-trixie.berth.test/full;')
  expect(guardLocation(desired, false)).toMatch(/if \(-f \$b[0-9a-f]{6}_full\) \{ return 403 /)
})

// What `df` says of other disks than there are here: size and free bytes, inodes and free inodes.
test.each([
  ['20 GB, half of it free', '20000000000 10000000000 1300000 900000', 'ample'],
  ['20 GB, 3 GB free', '20000000000 3000000000 1300000 900000', 'short'],
  ['20 GB, 1.9 GB free', '20000000000 1900000000 1300000 900000', 'low'],
  ['20 GB, 900 MB free', '20000000000 900000000 1300000 900000', 'critical'],
  ['4 TB, 5 GB free', '4000000000000 5000000000 1300000 900000', 'ample'],
  ['4 TB, 2 GB free', '4000000000000 2000000000 1300000 900000', 'low'],
  ['100 MB, 9 MB free', '100000000 9000000 6000 5000', 'low'],
  ['few inodes', '20000000000 10000000000 1300000 20000', 'low'],
  ['no count of inodes, as btrfs', '20000000000 10000000000 0 0', 'ample'],
  ['no count of inodes, as some network disks', '20000000000 10000000000 - -', 'ample'],
])('room: %s', (_, words, expected) => {
  const script = `df() { printf 'head\\n%s\\n' '${words}'; }
. '${join(import.meta.dirname, '../../../src/resources/guard/guard.sh')}'
room /`
  expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout).toBe(`${expected}\n`)
})

test('where room is short, an image that is set aside is deleted though its signature is there', () => {
  const images = new Images()
  const old = { age: 50 * day }
  images.push('a', '2', ['stays'], old)
  const image = images.push('a', '1', ['goes'], old)
  images.push('a', undefined, ['signature'], { ...old, subject: image })
  const pushed = images.now - 50 * day
  images.run('collect', { stdin: `tag a 1 ${image} ${pushed}\nmanifest a ${image} ${pushed}\n` })
  expect(images.has('goes')).toBe(false)
  // As systemd does it: of two dollar signs in an argument it takes one away.
  const programs = join(images.data, 'programs')
  mkdirSync(programs)
  writeFileSync(
    join(programs, 'systemd-run'),
    `#!/bin/sh
while [ "$1" != perl ]; do shift; done
for each; do
  shift
  set -- "$@" "$(printf '%s' "$each" | sed 's/\\$\\$/$/g; s/^86400$/5/')"
done
exec "$@"
`,
  )
  chmodSync(join(programs, 'systemd-run'), 0o755)
  const script = `PATH=${programs}:$PATH
. '${join(import.meta.dirname, '../../../src/resources/guard/guard.sh')}'
room() { echo short; }
sleep() { exit; }
guard ${images.data}/full registry.example.com ${images.data} ${process.getuid?.()}:${process.getgid?.()} "$1"`
  const { stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', library('retention/store.pl')], {
    encoding: 'utf8',
  })
  expect({ stdout, stderr }).toEqual({ stdout: expect.stringMatching(/^freed [1-9]/m), stderr: '' })
  expect([images.tags('a'), images.has('goes')]).toEqual([['2'], false])
  images.remove()
})
