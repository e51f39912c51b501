import { expect, test } from '@jest/globals'
import { portray } from '../../src/publish/image.ts'
import type { Manifest } from '../../src/registry/api.ts'

const manifest = (body: unknown, more: Partial<Manifest> = {}): Manifest => ({
  digest: 'sha256:0',
  type: '',
  body: typeof body === 'string' ? body : JSON.stringify(body),
  config: undefined,
  manifests: [],
  blobs: [],
  ...more,
})
const look = (manifests: Record<string, Manifest>, config = '{}') =>
  portray({ manifest: async (_, digest) => manifests[digest], config: async () => config }, 'app', 'top')

const blob = (digest: string, size: number) => ({ digest, size })

test('an image: its platform and its bytes', async () => {
  const top = manifest({}, { config: 'c', blobs: [blob('c', 1), blob('l', 10), blob('l', 10)] })
  const config = '{"os":"linux","architecture":"arm","variant":"v7"}'
  expect(await look({ top }, config)).toEqual({ bytes: 11, platforms: ['linux/arm/v7'] })
})

test('an image whose configuration can’t be read from here: its bytes', async () => {
  const body = { config: { mediaType: 'application/vnd.oci.image.config.v1+json' } }
  const top = manifest(body, { config: 'c', blobs: [blob('c', 1)] })
  const registry = { manifest: async () => top, config: async () => undefined }
  expect(await portray(registry, 'app', 'top')).toEqual({ bytes: 1, platforms: [] })
})

test('an index: the platforms of all, attestations for what they are, and shared layers once', async () => {
  const platform = (os: string, architecture: string) => ({ platform: { os, architecture } })
  const top = manifest(
    {
      manifests: [
        platform('linux', 'amd64'),
        platform('linux', 'arm64'),
        platform('unknown', 'unknown'),
        {
          ...platform('unknown', 'unknown'),
          annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
        },
        {},
      ],
    },
    { manifests: [blob('a', 1), blob('b', 1)] },
  )
  const [a, b] = [
    manifest({}, { blobs: [blob('x', 5), blob('y', 1)] }),
    manifest({}, { blobs: [blob('x', 5)] }),
  ]
  expect(await look({ top, a, b })).toEqual({
    bytes: 6,
    platforms: ['linux/amd64', 'linux/arm64', 'unknown/unknown', '1 attestation'],
  })
})

test.each([
  [{ config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' } }, ['Helm chart']],
  [{ config: { mediaType: 'application/vnd.wasm.config.v0+json' } }, ['WebAssembly']],
  [
    { artifactType: 'application/vnd.example.sbom', config: { mediaType: 'x' } },
    ['application/vnd.example.sbom'],
  ],
])('an artifact like %j is shown for what it is', async (body, platforms) => {
  const top = manifest(body, { config: 'c' })
  expect(await look({ top }, '{"name":"chart"}')).toEqual({ bytes: 0, platforms })
})

test.each(['', 'x', 'null', '[]', '{"os":7,"architecture":{}}'])(
  'a configuration like %j is no platform',
  async config => {
    expect(await look({ top: manifest({}, { config: 'c' }) }, config)).toEqual({ bytes: 0, platforms: [] })
  },
)

test.each(['x', 'null', '{"manifests":7}', '{"manifests":[null,{"platform":"x"}]}'])(
  'an index like %j has none',
  async body => {
    expect(await look({ top: manifest(body, { manifests: [blob('a', 1)] }) })).toEqual({
      bytes: 0,
      platforms: [],
    })
  },
)

test('what can’t be looked at is no reason to fail', async () => {
  expect(await look({})).toBeUndefined()
  const broken = { manifest: () => Promise.reject(new Error('no')), config: async () => '' }
  expect(await portray(broken, 'app', 'top')).toBeUndefined()
})
