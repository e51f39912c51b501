import { expect, test } from '@jest/globals'
import { Reader } from '../../src/inputs/reader.ts'
import { readRegistry } from '../../src/inputs/registry.ts'

async function read(inputs: Record<string, string>) {
  const reader = new Reader(
    name => inputs[name] ?? '',
    () => {},
  )
  return { registry: await readRegistry(reader), mistakes: reader.mistakes.map(({ message }) => message) }
}

test('the image of today, and no settings, unless told otherwise', async () => {
  expect(await read({})).toMatchObject({ registry: { image: 'registry:3.1.2', config: {} }, mistakes: [] })
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
