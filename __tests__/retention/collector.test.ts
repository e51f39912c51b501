import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { collect, foreseeRetention, takeInventory } from '../../src/retention/collector.ts'
import { noLogs } from '../../src/retention/logs.ts'
import { lastMarker } from '../../src/server/protocol.ts'
import { compose, line } from '../../src/shell.ts'
import { sh } from '../library.ts'
import { recorded } from '../recorded.ts'

const { desired } = recorded('trixie', 'bare')
const packed = (text: string) => gzipSync(text).toString('base64')
const seconds = () => Math.floor(Date.now() / 1000)
const store = (time = seconds()) =>
  `time ${time}\ndisk 1000 100\nblob sha256:aa 10 0\nblob sha256:bb 10 0\nrepository a\nrevision 0 5 5 0\nrevision 1 6 6 0\ntag old 0 5 5\ntag new 1 6 6\naside 0\n`

const cleaned = {
  desired,
  keep: [
    {
      ...{ pattern: 'a', tags: [], last: 1, empty: false },
      ...{ days: undefined, pulled: undefined, untagged: undefined },
    },
  ],
  grace: 86_400,
}

/** A server that gives one answer to everything. */
function server(answer: string) {
  const scripts: string[] = []
  return {
    scripts,
    async run(script: string) {
      scripts.push(script)
      return answer
    },
  }
}

const holding = (text: string, domain = desired.domain) =>
  server(`berth:retention.domain=${domain}\nberth:retention.store=${packed(text)}\n`)

test('a plan only looks', async () => {
  const one = holding(store())
  expect(await foreseeRetention(one, cleaned, noLogs, false)).toMatchObject({ freed: 10 })
  expect(one.scripts).toHaveLength(1)
  expect(one.scripts[0]).not.toContain('\nlock ')
})

test('a server without this registry has no inventory', async () => {
  expect(await foreseeRetention(holding(store(), 'another.example'), cleaned, noLogs, false)).toBeUndefined()
})

test('what other servers saw being pulled counts', async () => {
  const pulls = [`logs 1\npull a old ${seconds()}\n`]
  const inventory = await takeInventory(holding(store()), cleaned, { ...noLogs, pulls })
  expect([...(inventory?.pulls.keys() ?? [])]).toEqual(['a old'])
})

test.each([
  ['a clock that is wrong', store(seconds() - 7200), /120 minutes apart/],
  ['an answer that was cut off', 'time 5\n', /was cut off/],
])('%s is refused', async (_, text, message) => {
  await expect(takeInventory(holding(text), cleaned, noLogs)).rejects.toThrow(message)
})

test('a registry that serves from elsewhere is refused, unless `up` is about to change it', async () => {
  const config = Buffer.from('storage: { s3: { bucket: my-images, accesskey: id, secretkey: hidden } }')
  const answer = `berth:retention.domain=${desired.domain}\nberth:retention.config=${config.toString('base64')}\nberth:retention.store=${packed(store())}\n`
  const refused = /^the registry on the server has its images in the bucket my-images at AWS, /
  await expect(takeInventory(server(answer), cleaned, noLogs)).rejects.toThrow(refused)
  await expect(foreseeRetention(server(answer), cleaned, noLogs, false)).rejects.toThrow(refused)
  expect(await foreseeRetention(server(answer), cleaned, noLogs, true)).toMatchObject({ freed: 10 })
})

test('the server says with which configuration it serves, if it serves', () => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-served-'))
  const config = () => {
    const { stdout } = spawnSync(
      'sh',
      [
        '-c',
        compose(
          ['server/protocol', 'resources/registry/registry', 'retention/retention'],
          [line(['retention_config', directory])],
        ),
      ],
      { encoding: 'utf8' },
    )
    return Buffer.from(lastMarker(stdout, 'retention.config') ?? '?', 'base64').toString()
  }
  expect(config()).toBe('')
  mkdirSync(join(directory, 'generations/abc-2'), { recursive: true })
  writeFileSync(join(directory, 'generations/abc-2/config.yml'), 'a: 1\nb: 2\n')
  symlinkSync('run/abc-2.sock', join(directory, 'registry.sock'))
  expect(config()).toBe('a: 1\nb: 2\n')
  rmSync(directory, { recursive: true })
})

describe('collecting', () => {
  const result = `berth:retention.result=${packed('moved 10 1\nfreed 0\nrestored 0\n')}\nberth:end\n`

  test('it has the server for itself, and reads what was done', async () => {
    const one = server(result)
    const orders = 'tag a old sha256:aa 5\n'
    expect(await collect(one, cleaned, 'collect', orders, noLogs)).toMatchObject({ moved: 10, blobs: 1 })
    expect(one.scripts[0]).toMatch(/\nlock 900\nretention_run collect [\s\S]*tag a old sha256:aa 5\n/)
  })

  test('a registry with a cache that does not start anew is told, with what it said', async () => {
    const said = `the new one said:\nno space\nberth:retention.restart=failed\n${result}`
    await expect(collect(server(said), cleaned, 'collect', '', noLogs)).rejects.toMatchObject({
      topic: 'registryStart',
      message: expect.stringMatching(
        / could not be started anew, .* run mode `clean` again\nthe new one said:\nno space$/,
      ),
    })
  })

  test.each([
    ['true', ''],
    ['false', 'berth:retention.restart=failed'],
  ])('its start, %s, is told as %j', (starts, told) => {
    const { stdout } = sh(
      ['server/protocol', 'retention/retention'],
      `registry_generation() { echo a; }\nregistry_up() { ${starts}; }\nretention_restart /nowhere r.example.com 2>/dev/null`,
    )
    expect(stdout.trim()).toBe(told)
  })

  test('another run at work is waited for, and then named', async () => {
    await expect(collect(server('berth:busy=900\n'), cleaned, 'undo', '', noLogs)).rejects.toThrow(
      'another run of Berth has been at work',
    )
  })
})

test('images in a bucket: its key is on no command line', async () => {
  const s3 = { region: 'eu-central-1', bucket: 'my-images', accesskey: 'id', secretkey: 'hidden' }
  const config = { storage: { filesystem: null, s3 } }
  const inBucket = { ...cleaned, desired: { ...desired, registry: { ...desired.registry, config } } }
  const looks = holding(store())
  const collects = server(`berth:retention.result=${packed('restored 0\n')}\n`)
  await takeInventory(looks, inBucket, noLogs)
  await collect(collects, inBucket, 'collect', '', noLogs)
  const lines = [...looks.scripts, ...collects.scripts].flatMap(each => each.split('\n'))
  const telling = lines.filter(each => each.includes('hidden'))
  expect(telling).toHaveLength(2)
  // A function’s arguments stay inside the shell.
  for (const line of telling) expect(line).toMatch(/^retention_(look|run)_bucket /)
})
