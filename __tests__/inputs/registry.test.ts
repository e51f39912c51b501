import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { defaultImage } from '../../src/desired.ts'
import { Reader } from '../../src/inputs/reader.ts'
import { readRegistry } from '../../src/inputs/registry.ts'

async function read(inputs: Record<string, string>) {
  const reader = new Reader(
    name => inputs[name] ?? '',
    () => {},
  )
  return { registry: await readRegistry(reader), mistakes: reader.mistakes.map(({ message }) => message) }
}

test('the image of today, by its digest, and no settings, unless told otherwise', async () => {
  expect(await read({})).toMatchObject({ registry: { image: defaultImage, config: {} }, mistakes: [] })
  expect(defaultImage).toMatch(/^registry:3\.\d+\.\d+@sha256:[0-9a-f]{64}$/)
})

test('action.yml and what Dependabot reads have the same image', () => {
  const { inputs } = parse(readFileSync('action.yml', 'utf8'))
  expect(inputs['registry-image'].default).toBe(defaultImage)
  expect(readFileSync('.github/registry/Dockerfile', 'utf8')).toContain(`\nFROM ${defaultImage}\n`)
})

test.each(['-v', 'registry; id', '$(id)', 'Registry', 'a b', `registry@sha256:${'0'.repeat(63)}`])(
  'registry-image %j is refused',
  async image => {
    expect((await read({ 'registry-image': image })).mistakes).toHaveLength(1)
  },
)

test('registry-config is YAML, a map', async () => {
  expect(await read({ 'registry-config': 'storage:\n  delete: null\n' })).toMatchObject({
    registry: { config: { storage: { delete: null } } },
    mistakes: [],
  })
})

test('a key that looks like a number stays as it is written, and numbers are numbers', async () => {
  const odd = '{ bucket: 0123, accesskey: 00123456789012345678, secretkey: 1e10, rootdirectory: 2024.10 }'
  const plain = '{ chunksize: 5242880, v4auth: true, accelerate: null, region: 0.5 }'
  const { registry, mistakes } = await read({
    'registry-config': `storage: { s3: ${odd} }\nredis: ${plain}\n1: one`,
  })
  expect(mistakes).toEqual([])
  expect(registry.config).toEqual({
    storage: {
      s3: {
        ...{ bucket: '0123', accesskey: '00123456789012345678' },
        ...{ secretkey: '1e10', rootdirectory: '2024.10' },
      },
    },
    redis: { chunksize: 5_242_880, v4auth: true, accelerate: null, region: 0.5 },
    1: 'one',
  })
})

test.each([
  ['- a', 'registry-config: is not a YAML map'],
  ['text', 'registry-config: is not a YAML map'],
  ['a: [', expect.stringMatching(/^registry-config: is not YAML: /)],
  ['a: 1\na: 2', expect.stringMatching(/^registry-config: is not YAML: Map keys must be unique/)],
])('registry-config %j is refused', async (config, message) => {
  expect((await read({ 'registry-config': config })).mistakes).toEqual([message])
})

test('a mistake in registry-config shows no line of it, for it may hold a key', async () => {
  const { mistakes } = await read({ 'registry-config': 'storage:\n  s3: { secretkey: hidden\n bad' })
  expect(mistakes).toHaveLength(1)
  expect(mistakes.join()).not.toContain('hidden')
})

test.each(['addr', 'net', 'tls', 'prefix'])('http.%s would keep nginx out', async key => {
  const { mistakes } = await read({ 'registry-config': `http: { ${key}: x }` })
  expect(mistakes).toEqual([expect.stringMatching(`^registry-config: has \`http.${key}\`, .*; remove it`)])
})

test.each(['addr', 'net'])('nor can http.%s be taken away', async key => {
  const { mistakes } = await read({ 'registry-config': `http: { ${key}: null }` })
  expect(mistakes).toEqual([expect.stringMatching(`^registry-config: has \`http.${key}\`, .*; remove it`)])
})

test.each(['null', 'x', '[x]'])('http: %s would take all of it away', async http => {
  const { mistakes } = await read({ 'registry-config': `http: ${http}` })
  expect(mistakes).toEqual([expect.stringContaining('registry-config: has an `http` that is not a map')])
})

test('images in a folder of the container alone would be lost', async () => {
  const config = (folder: string) => ({
    'registry-config': `storage: { filesystem: { rootdirectory: ${folder} } }`,
  })
  expect((await read(config('/var/lib/docker-registry'))).mistakes).toEqual([
    expect.stringMatching(/^registry-config: .*rootdirectory: \/var\/lib\/docker-registry`.*set `directory`/),
  ])
  for (const folder of ['/var/lib/registry', '/var/lib/registry/team', 'null'])
    expect((await read(config(folder))).mistakes).toEqual([])
})

test('what else is in http is yours, and so is to take away', async () => {
  expect((await read({ 'registry-config': 'http: { headers: { X-A: [b] }, tls: null }' })).mistakes).toEqual(
    [],
  )
})

test('a password in the endpoint of a bucket, which the plan names, is refused and not shown', async () => {
  const storage = 'storage: { s3: { bucket: images, regionendpoint: "https://ci:hidden@minio.example.com" } }'
  const { mistakes } = await read({ 'registry-config': storage })
  expect(mistakes).toEqual([
    expect.stringMatching(/^registry-config: has a user name or a password before the @/),
  ])
  expect(mistakes.join()).not.toContain('hidden')
})
