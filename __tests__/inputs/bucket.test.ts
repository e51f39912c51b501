import { describe, expect, test } from '@jest/globals'
import { readBucket } from '../../src/inputs/bucket.ts'
import { Reader } from '../../src/inputs/reader.ts'

const whole = {
  's3-bucket': 'my-images',
  's3-endpoint': 'https://s3.example.com',
  's3-region': 'eu-central-1',
  's3-access-key': 'AKIDEXAMPLE',
  's3-secret-key': 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

function read(inputs: Record<string, string>, config: Record<string, unknown> = {}) {
  const secrets: string[] = []
  const reader = new Reader(
    name => inputs[name] ?? '',
    text => secrets.push(text),
  )
  const bucket = readBucket(reader, config)
  return {
    bucket,
    secrets,
    mistakes: reader.mistakes.map(({ message }) => message),
    warnings: reader.warnings.map(({ message }) => message),
  }
}

test('without them, images are on the disk', () => {
  expect(read({})).toEqual({ bucket: undefined, secrets: [], mistakes: [], warnings: [] })
})

test('five lines are a bucket, and both keys are masked', () => {
  expect(read(whole)).toEqual({
    bucket: {
      name: 'my-images',
      folder: '',
      region: 'eu-central-1',
      endpoint: 'https://s3.example.com',
      accessKey: whole['s3-access-key'],
      secretKey: whole['s3-secret-key'],
      redirect: false,
    },
    secrets: [whole['s3-access-key'], whole['s3-secret-key']],
    mistakes: [],
    warnings: [],
  })
})

test.each([
  [
    'a folder in it',
    { 's3-bucket': 'my-images/team/registry' },
    { name: 'my-images', folder: '/team/registry' },
  ],
  ['AWS', { 's3-endpoint': '' }, { endpoint: undefined, region: 'eu-central-1' }],
  ['a storage without regions', { 's3-region': '' }, { region: 'us-east-1' }],
  [
    'an address and a port',
    { 's3-endpoint': 'https://[fd00::1]:9000/' },
    { endpoint: 'https://[fd00::1]:9000' },
  ],
  ['clients that are sent there', { 's3-redirect': 'true' }, { redirect: true }],
])('%s', (_, inputs, expected) => {
  const { bucket, mistakes } = read({ ...whole, ...inputs })
  expect([bucket, mistakes]).toMatchObject([expected, []])
})

describe('mistakes', () => {
  test.each<[string, Record<string, string>, string[]]>([
    [
      'keys without a bucket',
      { ...whole, 's3-bucket': '' },
      ['region', 'endpoint', 'access-key', 'secret-key'],
    ],
    ['a bucket and nothing else', { 's3-bucket': 'my-images' }, ['region', 'access-key', 'secret-key']],
    ['upper case', { ...whole, 's3-bucket': 'Images' }, ['bucket']],
    ['a way out of the bucket', { ...whole, 's3-bucket': 'images/../other' }, ['bucket']],
    ['no scheme', { ...whole, 's3-endpoint': 's3.example.com' }, ['endpoint']],
    ['a path', { ...whole, 's3-endpoint': 'https://s3.example.com/images' }, ['endpoint']],
    ['a key with a line break', { ...whole, 's3-secret-key': 'one\ntwo' }, ['secret-key']],
  ])('%s', (_, inputs, names) => {
    const { mistakes } = read(inputs)
    expect(mistakes.map(each => each.split(':')[0])).toEqual(names.map(each => `s3-${each}`))
  })

  test('no key is shown, and each of its lines is masked', () => {
    const { mistakes, secrets } = read({ ...whole, 's3-secret-key': 'half of it\nthe rest' })
    expect(mistakes.join()).not.toMatch(/half|rest/)
    expect(secrets).toEqual(expect.arrayContaining(['half of it', 'the rest']))
  })

  test('no password in an endpoint is shown', () => {
    const { mistakes } = read({ ...whole, 's3-endpoint': 'https://ci:hidden@s3.example.com' })
    expect(mistakes).toEqual([
      expect.stringMatching(/^s3-endpoint: has a user name or a password before an @; /),
    ])
    expect(mistakes.join()).not.toContain('hidden')
  })

  test('what registry-config says of the same is a mistake, and other settings are not', () => {
    const storage = {
      s3: { storageclass: 'STANDARD_IA', region: 'x' },
      azure: { container: 'y' },
      filesystem: null,
    }
    expect(read(whole, { storage }).mistakes).toEqual([
      'registry-config: has `storage.azure`, but `s3-bucket` says that images are in a bucket; omit one of them',
      'registry-config: has `storage.s3.region`, which is what `s3-region` says; omit it',
    ])
  })
})

test('a storage that anybody on the way can read along is warned of', () => {
  expect(read({ ...whole, 's3-endpoint': 'http://s3.example.com' }).warnings).toEqual([
    expect.stringMatching(/^s3-endpoint: is not https/),
  ])
})
