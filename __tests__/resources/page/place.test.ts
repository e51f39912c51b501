import { expect, test } from '@jest/globals'
import { source } from '../../../src/resources/page/place.ts'

test.each([
  ['on the server’s disk', {}, '/opt/berth/data/docker/registry/v2/repositories'],
  ['in object storage', { storage: { filesystem: null, s3: {} } }, 'unix:/opt/berth/registry.sock'],
  [
    'in another folder',
    { storage: { filesystem: { rootdirectory: '/elsewhere' } } },
    'unix:/opt/berth/registry.sock',
  ],
])('with images %s, the service asks where they are known', (_, config, expected) => {
  expect(source({ directory: '/opt/berth', registry: { image: 'registry:3.1.2', config } })).toBe(expected)
})
