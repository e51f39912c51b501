import { expect, test } from '@jest/globals'
import { storageOf } from '../../src/retention/storage.ts'
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
