import { expect, test } from '@jest/globals'
import { type Access, onDisk, ownerOf, type Rights, rightsOf } from '../src/desired.ts'

test('a second password has the rights of its owner, unless it has a rule of its own', () => {
  const all = { pull: [], push: ['**'] }
  const some = { pull: ['a'], push: [] }
  const access: Access = new Map<string, Rights>([
    ['ci', all],
    ['ci+ro', some],
  ])
  expect(rightsOf('ci', access)).toBe(all)
  expect(rightsOf('ci+next', access)).toBe(all)
  expect(rightsOf('ci+ro', access)).toBe(some)
  expect(rightsOf('bob', new Map<string, Rights>([...access, ['*', some]]))).toBe(some)
})

test('a user without a rule may do nothing', () => {
  expect(rightsOf('bob', new Map([['ci', { pull: ['**'], push: ['**'] }]]))).toEqual({ pull: [], push: [] })
})

test.each([
  ['ci', 'ci'],
  ['ci+next', 'ci'],
  ['ci+a+b', 'ci+a'],
  ['me+x@example.com', 'me+x@example.com'],
  ['+x', '+x'],
])('%s belongs to %s', (name, owner) => {
  expect(ownerOf(name)).toBe(owner)
})

test.each([
  ['Berth’s own', {}, true],
  ['a setting of the disk’s', { storage: { filesystem: { maxthreads: 50 } } }, true],
  ['another driver', { storage: { filesystem: null, s3: { bucket: 'images' } } }, false],
])('images on the disk: %s', (_, config, expected) => {
  expect(onDisk({ registry: { image: 'registry:3.1.2', config } })).toBe(expected)
})
