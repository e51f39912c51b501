import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { configYaml, merge, onDisk } from '../../../src/resources/registry/config.ts'

const registry = (config: Record<string, unknown> = {}) => ({ registry: { image: 'registry:3.1.2', config } })

test('the registry listens on a socket, asks nobody for a password, and ends what it has begun', () => {
  const config = parse(configYaml(registry()))
  expect(config.http).toMatchObject({ net: 'unix', relativeurls: true, draintimeout: '15m' })
  expect(config.auth).toBeUndefined()
  expect(config.storage.delete).toEqual({ enabled: true })
})

test('what the user gives is merged over it', () => {
  const config = parse(configYaml(registry({ log: { level: 'debug' }, storage: { delete: null } })))
  expect(config.log.level).toBe('debug')
  expect(config.storage.delete).toBeUndefined()
})

test.each([
  ['Berth’s own', {}, true],
  ['a setting of the disk’s', { storage: { filesystem: { maxthreads: 50 } } }, true],
  ['another driver', { storage: { filesystem: null, s3: { bucket: 'images' } } }, false],
])('images on the disk: %s', (_, config, expected) => {
  expect(onDisk(registry(config))).toBe(expected)
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
