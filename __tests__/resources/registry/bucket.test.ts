import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { planUp } from '../../../src/converge/plan.ts'
import { bucketOf, bucketTrial, movesImages } from '../../../src/resources/registry/bucket.ts'
import { configYaml } from '../../../src/resources/registry/config.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'
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
    ...{ accessKey: 'id', secretKey: 'secret', pathStyle: true, skipVerify: false, encrypt: false },
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

test.each<[string, object, object, boolean]>([
  ['another container', { azure: { container: 'old' } }, { azure: { container: 'new' } }, true],
  [
    'another key',
    { azure: { container: 'x', accountkey: 'a' } },
    { azure: { container: 'x', accountkey: 'b' } },
    false,
  ],
  ['another kind of storage', { gcs: { bucket: 'x' } }, { azure: { container: 'x' } }, true],
  ['another bucket, by the role of a machine', { s3: { bucket: 'old' } }, { s3: { bucket: 'new' } }, true],
])('images in %s have moved or not', (_, before, after, moves) => {
  const config = (storage: object) => ({
    ...desired,
    registry: { ...desired.registry, config: { storage: { filesystem: null, ...storage } } },
  })
  const file = { content: configYaml(config(before)), mode: '600', owner: '65532:65532' }
  expect(movesImages(config(after), file)).toBe(moves)
})

/** A storage that answers all that a trial asks, with what it was told of each object that was made. */
async function storage() {
  const objects = new Map<string, string>()
  const made: Record<string, unknown>[] = []
  const server = createServer(async (request, response) => {
    const { pathname, search, searchParams } = new URL(request.url ?? '', 'http://storage')
    let body = ''
    for await (const chunk of request) body += chunk
    const { method, headers } = request
    if ((method === 'PUT' && search === '') || (method === 'POST' && searchParams.has('uploads')))
      made.push(Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-amz-s'))))
    if (method === 'PUT') objects.set(pathname.slice('/my-images/'.length), body)
    const list = [...objects.keys()].map(
      key => `<Contents><Key>${key}</Key><LastModified>2026-11-24T00:00:00.000Z</LastModified></Contents>`,
    )
    const said = searchParams.has('list-type') ? list.join('') : '<UploadId>1</UploadId>'
    response.setHeader('etag', '"1"')
    response.end(
      method === 'GET' && search === ''
        ? objects.get(pathname.slice('/my-images/'.length))
        : `<a>${said}</a>`,
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { endpoint: `http://127.0.0.1:${port}`, made, close: () => server.close() }
}

test.each<[string, Record<string, unknown>, Record<string, string>]>([
  ['nothing', {}, {}],
  ['no class', { storageclass: 'NONE', encrypt: false }, {}],
  ['a class', { storageclass: 'standard_ia' }, { 'x-amz-storage-class': 'STANDARD_IA' }],
  ['encryption', { encrypt: true }, { 'x-amz-server-side-encryption': 'AES256' }],
  [
    'encryption with a key',
    { encrypt: true, keyid: 'k1' },
    { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'k1' },
  ],
])('the trial makes objects as the registry will, with %s', async (_, s3, expected) => {
  const { endpoint, made, close } = await storage()
  const to = { ...wanted({ endpoint }) }
  const [step] = bucketTrial(
    { ...to, registry: { ...to.registry, config: { storage: { s3 } } } },
    { generation: '', config: undefined, silent: false },
  )
  const [, program = '', access = ''] = step?.call ?? []
  const ids = `${process.getuid?.()}:${process.getgid?.()}`
  const said = new Promise(resolve =>
    execFile('python3', ['-I', '-c', program, ids], (_, out, err) => resolve(out + err)).stdin?.end(
      `${access}\n`,
    ),
  )
  expect(await said).toBe('')
  close()
  // An object, its copy, and two uploads in parts.
  expect(made).toEqual([expected, expected, expected, expected])
})

test('the plan names the bucket, and not its key', () => {
  const [change] = tried(seen(desired), wanted({ secretKey: 'hidden' }))
  expect(change?.summary).toBe(
    'keep images in the bucket my-images at https://s3.example.com, after a round trip there',
  )
})

test('the key is no argument of the program that tries the bucket', () => {
  const program = 'import sys; print(sys.argv[1:], sys.stdin.read().strip())'
  const { code, stdout } = sh(
    ['resources/registry/bucket'],
    `ACCOUNT=65532:65532\nbucket_check '${program}' '{"secretKey":"hidden"}'`,
  )
  expect([code, stdout]).toEqual([0, `['65532:65532'] {"secretKey":"hidden"}\n`])
})
