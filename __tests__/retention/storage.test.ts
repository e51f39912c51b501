import { describe, expect, test } from '@jest/globals'
import { configYaml } from '../../src/resources/registry/config.ts'
import { compareServed, storageOf } from '../../src/retention/storage.ts'
import { recorded } from '../recorded.ts'

const { desired } = recorded('trixie', 'bare')
const storage = (config: Record<string, unknown>, grace = 86_400) =>
  storageOf({ ...desired, registry: { ...desired.registry, config } }, grace)
const names = (config: Record<string, unknown>) => {
  const { look, run } = storage(config)
  return [look([]), ...run('collect', '')].map(([name]) => name)
}
const s3 = { region: 'eu-central-1', bucket: 'my-images', accesskey: 'id', secretkey: 'hidden' }

test('on the disk, and in a bucket whose key is in the configuration', () => {
  expect(names({})).toEqual(['retention_look', 'retention_run'])
  expect(names({ storage: { filesystem: null, s3 } })).toEqual([
    'retention_look_bucket',
    'retention_run_bucket',
  ])
})

test('a registry with a cache begins anew afterwards, for that would go on to claim what is gone', () => {
  // What the old one took because it claimed that layers are there gets them back.
  expect(names({ storage: { cache: { blobdescriptor: 'inmemory' } } })).toEqual([
    'retention_look',
    'retention_run',
    'retention_restart',
    'retention_settle',
  ])
})

test('the program for a bucket gets its key, the grace and what to do', () => {
  const { look, run } = storage({ storage: { filesystem: null, s3 } }, 60)
  const told = [look([]), ...run('undo', '')].map(call =>
    JSON.parse(call.find(each => /^\{/.test(each)) ?? ''),
  )
  expect(told).toEqual(
    ['look', 'undo'].map(command =>
      expect.objectContaining({ bucket: 'my-images', secretKey: 'hidden', grace: 60, command }),
    ),
  )
})

test.each<[string, Record<string, unknown>, RegExp]>([
  ['a storage that is not S3', { storage: { filesystem: null, azure: {} } }, /keeps them elsewhere/],
  [
    'a bucket that the server’s role has the key for',
    { storage: { filesystem: null, s3: { region: 'eu-central-1', bucket: 'my-images' } } },
    /delete them with the tools of that storage/,
  ],
  ['another root', { storage: { filesystem: { rootdirectory: '/x' } } }, /`rootdirectory`/],
  [
    'a cache that outlives the registry',
    { storage: { cache: { blobdescriptor: 'redis' } } },
    /a cache in redis/,
  ],
  [
    'a cache of what is in a bucket',
    { storage: { filesystem: null, s3, cache: { blobdescriptor: 'inmemory' } } },
    /omit `storage.cache`/,
  ],
])('%s is refused', (_, config, message) => {
  expect(() => storage(config)).toThrow(message)
})

describe('the registry that serves', () => {
  const having = (config: Record<string, unknown>) => ({
    ...desired,
    registry: { ...desired.registry, config },
  })
  const compare = (served: Record<string, unknown>, wanted: Record<string, unknown>) =>
    compareServed(having(wanted), configYaml(having(served)))
  const inBucket = (more: Record<string, unknown> = {}) => ({
    storage: { filesystem: null, s3: { ...s3, ...more } },
  })
  const cached = (blobdescriptor: string) => ({ storage: { cache: { blobdescriptor } } })

  test.each([
    ['on the disk', {}, {}],
    ['in a bucket', inBucket(), inBucket()],
    ['in a bucket, with a new key', inBucket(), inBucket({ accesskey: 'new' })],
    ['with a cache', cached('inmemory'), cached('inmemory')],
    ['without the cache that is wanted, so that nothing is claimed', {}, cached('inmemory')],
  ])('is the one that is cleaned: %s', (_, served, wanted) => {
    expect(() => compare(served, wanted)).not.toThrow()
  })

  test.each([
    [
      'a bucket',
      inBucket(),
      {},
      /in the bucket my-images at AWS, and the inputs of this run say on the server’s disk; give/,
    ],
    [
      'the disk',
      {},
      inBucket(),
      /on the server’s disk, and the inputs of this run say in the bucket my-images at AWS; /,
    ],
    ['another bucket', inBucket({ bucket: 'b' }), inBucket(), /the bucket b at AWS, and/],
    [
      'another folder, at another endpoint',
      inBucket({ rootdirectory: '/f', regionendpoint: 's3.example.com' }),
      inBucket(),
      /the bucket my-images at https:\/\/s3.example.com, in f\/, and/,
    ],
    [
      'a bucket of the server’s role',
      inBucket({ accesskey: null, secretkey: null }),
      {},
      /the bucket my-images/,
    ],
    [
      'another root',
      { storage: { filesystem: { rootdirectory: '/x' } } },
      {},
      /the server’s disk, in \/x, and/,
    ],
    ['a third place', { storage: { filesystem: null, azure: {} } }, {}, /has its images in azure, /],
    [
      'a cache',
      cached('inmemory'),
      {},
      /has a cache in inmemory, of which the inputs of this run say nothing/,
    ],
    ['another cache', cached('redis'), cached('inmemory'), /has a cache in redis/],
  ])('is another one: %s', (_, served, wanted, message) => {
    expect(() => compare(served, wanted)).toThrow(message)
  })

  test('can’t be told from what is no YAML, and its key is not shown', () => {
    const broken = () => compareServed(desired, 'secretkey: hidden\n: [')
    expect(broken).toThrow('something else than YAML')
    expect(broken).not.toThrow('hidden')
  })
})
