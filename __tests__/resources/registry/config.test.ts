import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { onDisk } from '../../../src/desired.ts'
import { configYaml, merge } from '../../../src/resources/registry/config.ts'

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

test('several servers have one secret for uploads in flight, unless somebody has set another', () => {
  const shared = { peers: ['10.0.0.2'], secret: 'abc' }
  expect(parse(configYaml({ ...registry(), shared })).http.secret).toBe('abc')
  expect(parse(configYaml({ ...registry({ http: { secret: 'own' } }), shared })).http.secret).toBe('own')
  expect(parse(configYaml(registry())).http.secret).toBeUndefined()
})

const bucket = {
  ...{ name: 'my-images', folder: '/registry', region: 'eu-central-1', endpoint: 'https://s3.example.com' },
  ...{ accessKey: 'id', secretKey: 'secret', redirect: false },
}
const inBucket = (changes: Partial<typeof bucket> | { endpoint: undefined } = {}, config = {}) => ({
  registry: { ...registry(config).registry, bucket: { ...bucket, ...changes } },
})

test('images in a bucket: with little memory for each upload, and through the server', () => {
  expect(parse(configYaml(inBucket())).storage).toEqual({
    s3: {
      ...{ region: 'eu-central-1', bucket: 'my-images', accesskey: 'id', secretkey: 'secret' },
      ...{ regionendpoint: 'https://s3.example.com', forcepathstyle: true },
      ...{ rootdirectory: '/registry', chunksize: 5_242_880 },
    },
    redirect: { disable: true },
    delete: { enabled: true },
  })
  const atAws = parse(configYaml(inBucket({ endpoint: undefined }))).storage.s3
  expect([atAws.regionendpoint, atAws.forcepathstyle]).toEqual([undefined, undefined])
  const more = { storage: { s3: { storageclass: 'STANDARD_IA' } } }
  expect(parse(configYaml(inBucket({}, more))).storage.s3).toMatchObject({
    storageclass: 'STANDARD_IA',
    bucket: 'my-images',
  })
  expect(onDisk(inBucket())).toBe(false)
})

test('keys that YAML 1.1 would take for a number or for truth are quoted, and what is ordinary is not', () => {
  const odd = { accessKey: '1_000', secretKey: 'yes', name: '0b11', folder: '1:30', region: '0o7' }
  const storage = parse(configYaml(inBucket(odd)), { version: '1.1' }).storage
  expect(storage.s3).toMatchObject({
    ...{ accesskey: '1_000', secretkey: 'yes', bucket: '0b11', rootdirectory: '1:30', region: '0o7' },
  })
  expect(configYaml(inBucket())).not.toMatch(/["']/)
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
