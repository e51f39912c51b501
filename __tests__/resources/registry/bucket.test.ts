import { expect, test } from '@jest/globals'
import { planUp } from '../../../src/converge/plan.ts'
import { bucketOf, bucketTrial, movesImages } from '../../../src/resources/registry/bucket.ts'
import { configYaml } from '../../../src/resources/registry/config.ts'
import { Facts } from '../../../src/server/facts.ts'
import { recorded } from '../../recorded.ts'

const bucket = {
  ...{ name: 'my-images', folder: '/registry', region: 'eu-central-1', endpoint: 'https://s3.example.com' },
  ...{ accessKey: 'id', secretKey: 'secret', redirect: false },
}
const given = (config: Record<string, unknown> = {}) => ({ registry: { image: '', config } })

test('the way to a bucket is known, whether an input or `registry-config` names it', () => {
  const access = {
    ...{
      bucket: 'my-images',
      folder: 'registry/',
      region: 'eu-central-1',
      endpoint: 'https://s3.example.com',
    },
    ...{ accessKey: 'id', secretKey: 'secret', pathStyle: true, skipVerify: false },
  }
  expect(bucketOf({ registry: { image: '', config: {}, bucket } })).toEqual(access)
  const s3 = {
    ...{ region: 'eu-central-1', bucket: 'my-images', rootdirectory: 'registry' },
    ...{ regionendpoint: 's3.example.com', accesskey: 'id', secretkey: 'secret' },
  }
  expect(bucketOf(given({ storage: { filesystem: null, s3 } }))).toEqual(access)
  const { accesskey, secretkey, ...ofRole } = s3
  expect(bucketOf(given({ storage: { filesystem: null, s3: ofRole } }))).toBeUndefined()
  expect(bucketOf(given())).toBeUndefined()
})

const { desired } = recorded('trixie', 'bare')
const wanted = (changes = {}) => ({
  ...desired,
  registry: { ...desired.registry, bucket: { ...bucket, ...changes } },
})
const seen = (to: typeof desired) => ({
  generation: '0badcafe',
  silent: false,
  config: { content: configYaml(to), mode: '600', owner: '65532:65532' },
})
const tried = (before: Parameters<typeof bucketTrial>[1], to: typeof desired) =>
  bucketTrial(to, before).flatMap(({ changes }) => changes)

test('a bucket is tried when the way there is new, and not again when it is the same', () => {
  expect(tried({ generation: '', config: undefined, silent: false }, wanted())).toMatchObject([
    { action: 'create' },
  ])
  expect(tried(seen(desired), wanted())).toMatchObject([{ action: 'update' }])
  expect(tried(seen(wanted()), wanted({ secretKey: 'another' }))).toHaveLength(1)
  expect(tried(seen(wanted()), wanted({ redirect: true }))).toEqual([])
  expect(tried(seen(wanted()), desired)).toEqual([])
})

test('a bucket that does not answer is tried again, so that it can say why', () => {
  expect(tried({ ...seen(wanted()), silent: true }, wanted())).toMatchObject([
    {
      action: 'update',
      summary: 'try the bucket my-images at https://s3.example.com, which does not answer the registry',
    },
  ])
})

test('a bucket is tried before anything but packages is changed', () => {
  const facts = (state: 'bare' | 'converged') =>
    Facts.parse(
      recorded('trixie', state).output.replace(
        /^berth:end/m,
        'berth:registry.rules=yes\nberth:registry.trust=yes\n$&',
      ),
    )
  const given = wanted()
  const steps = planUp(given, facts('bare')).steps.map(({ resource, call: [name] }) => `${resource} ${name}`)
  const before = steps.slice(0, steps.indexOf('registry bucket_check'))
  expect(before.length).toBeGreaterThan(0)
  expect(before.filter(step => !step.startsWith('packages'))).toEqual([])
  const fewer = { ...given, users: given.users?.slice(0, 1) ?? [] }
  expect(planUp(fewer, facts('converged')).steps.map(({ call: [name] }) => name)[0]).toBe('bucket_check')
})

test.each([
  ['is no longer YAML', 'secretkey: hidden\n  bad: [\n'],
  ['is YAML, and no map', 'secretkey'],
])('a configuration on the server that %s is another one, and is shown to nobody', (_, content) => {
  const broken = { ...seen(wanted()), config: { content, mode: '600', owner: '65532:65532' } }
  expect(tried(broken, wanted())).toMatchObject([
    { action: 'update', summary: expect.stringContaining('after a round trip') },
  ])
  expect(movesImages(wanted(), broken.config)).toBe(false)
})

test('the plan names the bucket, and not its key', () => {
  const [change] = tried(seen(desired), wanted({ secretKey: 'hidden' }))
  expect(change?.summary).toBe(
    'keep images in the bucket my-images at https://s3.example.com, after a round trip there',
  )
})
