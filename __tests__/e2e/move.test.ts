import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createStore, hasStore, type Store } from '../../lab/index.ts'
import { commands } from './page.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'
import { Storm } from './storm.ts'

// Images from the disk into a bucket and back, with the commands of docs/storage.md.

jest.setTimeout(400_000)

const there = await hasStore()
const described = there ? describe : describe.skip

let here: Registry
let store: Store
let storm: Storm
let pulls = 0
const failed: string[] = []
let ended = false
let pulling: Promise<void>

const tags = ['1', '2', '3']
const page = (heading: string) =>
  commands('storage.md', heading, here.server.domain).map(each => each.replaceAll('my-images', store.bucket))
const readonly = {
  'registry-config': 'storage: { maintenance: { readonly: { enabled: true } } }',
  'registry-image': 'registry:2.8.3',
}
const bucket = () => ({
  's3-bucket': store.bucket,
  's3-endpoint': store.endpoint,
  's3-region': store.region,
  's3-access-key': store.accessKey,
  's3-secret-key': store.secretKey,
})

beforeAll(async () => {
  if (!there) return
  here = await registry()
  store = await createStore()
  succeeded(await here.step({ 'registry-image': 'registry:2.8.3' }))
  const { domain, address } = here.server
  storm = new Storm({
    domain,
    address: address.v4,
    ca: here.world.acme.trust,
    credentials: `ci:${passwords.ci}`,
  })
  for (const tag of tags) {
    await storm.push('team/app', tag)
    await here.server.sh(
      `touch -d '${9 - Number(tag)} days ago' /opt/berth/data/docker/registry/v2/repositories/team/app/_manifests/tags/${tag}/current/link`,
    )
  }
  pulling = (async () => {
    while (!ended) {
      failed.push(...(await storm.pull('team/app', tags[pulls % tags.length] ?? '1')))
      pulls++
    }
  })()
})

afterAll(async () => {
  ended = true
  await pulling
  storm?.close()
  await here?.server.remove()
  await store?.remove()
})

/** What would go, were the last two kept: it is by the time of the push. */
async function oldest(inputs: Record<string, string>): Promise<string[]> {
  const run = succeeded(await here.step({ mode: 'plan', keep: 'team/**: { last: 2 }', ...inputs }))
  return JSON.parse(run.outputs.deleted ?? '[]').map(({ tag }: { tag: string }) => tag)
}

described('while clients pull', () => {
  test('into a bucket, and from registry 2.8 to 3', async () => {
    const [install = '', copy = ''] = page('Move images into a bucket')
    await here.server.sh(`set -e\n${install}`)
    const { endpoint, region, accessKey, secretKey } = store
    await here.server.write(
      '/root/.config/rclone/rclone.conf',
      `[bucket]\ntype = s3\nprovider = Other\nendpoint = ${endpoint}\nregion = ${region}\naccess_key_id = ${accessKey}\nsecret_access_key = ${secretKey}\n`,
      '600',
    )
    await here.server.sh(`set -e\n${copy}`)
    // Pushed after the first copy.
    await storm.push('team/late', '1')
    succeeded(await here.step(readonly))
    await here.server.sh(`set -e\n${copy}`)
    succeeded(await here.step(bucket()))
    expect(await storm.lost(() => true)).toEqual([])
    expect(await oldest(bucket())).toEqual(['1'])
    // The copy on the disk is nobody's any more.
    const run = await here.step({ mode: 'clean', users: '' })
    expect([run.code, run.log]).toEqual([1, expect.stringContaining(`in the bucket ${store.bucket} at`)])
    await storm.push('team/new', '1')
  })

  test('and back', async () => {
    const [back = ''] = page('Move images back to the disk')
    await here.server.sh(`rm -rf /opt/berth/data/docker\nset -e\n${back}`)
    succeeded(await here.step())
    expect(await storm.lost(() => true)).toEqual([])
    expect(await oldest({})).toEqual(['1'])
  })

  test('no pull has failed', () => {
    expect(pulls).toBeGreaterThan(20)
    expect(failed).toEqual([])
  })
})
