import { describe, expect, test } from '@jest/globals'
import type { Topic } from '../../src/failure.ts'
import { Reader } from '../../src/inputs/reader.ts'

const open = (inputs: Record<string, string>) =>
  new Reader(
    name => inputs[name] ?? '',
    () => {},
  )

test.each<[string, Topic]>([
  ['ssh-key', 'key'],
  ['ssh-key-passphrase', 'key'],
  ['ssh-known-hosts', 'hostKey'],
  ['users', 'users'],
  ['access', 'users'],
  ['auth', 'users'],
  ['push-user', 'users'],
  ['certificate', 'ownCertificate'],
  ['certificate-key', 'ownCertificate'],
  ['image', 'imageName'],
  ['tags', 'imageName'],
  ['domain', 'input'],
  ['ssh-host', 'input'],
  ['registry-config', 'input'],
  ['acme-eab', 'input'],
  ['ca', 'input'],
])('a mistake in %s, or a warning, is explained under %s, and begins with its name', (name, topic) => {
  const reader = open({})
  reader.mistake(name)('is wrong')
  reader.warning(name)('is odd')
  expect(reader.mistakes).toMatchObject([{ topic, message: `${name}: is wrong` }])
  expect(reader.warnings).toMatchObject([{ topic, message: `${name}: is odd` }])
  expect(reader.failed(name)).toBe(true)
  expect(reader.failed(name.slice(0, -1))).toBe(false)
})

test('one mistake may be explained elsewhere', () => {
  const reader = open({})
  reader.mistake('image', 'input')('is missing')
  expect(reader.mistakes).toMatchObject([{ topic: 'input' }])
})

describe('a value', () => {
  test('of a list, else the first of it', () => {
    const reader = open({ a: ' two ', b: 'three' })
    expect(reader.choice('a', ['one', 'two'])).toBe('two')
    expect(reader.choice('b', ['one', 'two'])).toBe('one')
    expect(reader.mistakes.map(({ message }) => message)).toEqual(['b: "three" is not one of `one`, `two`'])
  })

  test.each([
    ['1', true],
    ['365', true],
    [' 30 ', true],
    ['0', false],
    ['366', false],
    ['1e2', false],
    ['0x10', false],
    ['-1', false],
    ['1.5', false],
    ['000000001', false],
  ])('a number from 1 to 365, as %j', (text, good) => {
    const reader = open({ a: text })
    reader.integer('a', 1, 365)
    expect(reader.mistakes).toHaveLength(good ? 0 : 1)
  })

  test('as it was written, where blanks may be part of it', () => {
    expect(open({ a: ' x ' }).raw('a')).toBe(' x ')
    expect(open({ a: ' x ' }).text('a')).toBe('x')
  })
})
