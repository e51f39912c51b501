import { isIP } from 'node:net'
import type { Bucket } from '../desired.ts'
import { isObject } from '../json.ts'
import { isHostname } from './hosts.ts'
import type { Reader } from './reader.ts'

const inputs = ['s3-region', 's3-endpoint', 's3-access-key', 's3-secret-key'] as const

/** The keys of `registry-config` for which there is an input. */
const settings: Readonly<Record<string, string>> = {
  bucket: 's3-bucket',
  rootdirectory: 's3-bucket',
  region: 's3-region',
  regionendpoint: 's3-endpoint',
  accesskey: 's3-access-key',
  secretkey: 's3-secret-key',
}

/** Drivers that keep images somewhere else. */
const others = ['filesystem', 'inmemory', 'azure', 'gcs', 'swift', 'oss']

/** Reads the `s3-*` inputs; `config` is `registry-config`. */
export function readBucket(reader: Reader, config: Record<string, unknown>): Bucket | undefined {
  const [accessKey, secretKey] = [readKey(reader, 's3-access-key'), readKey(reader, 's3-secret-key')]
  const given = reader.text('s3-bucket')
  if (given === '') {
    const alone = inputs.filter(name => reader.text(name) !== '')
    for (const name of alone)
      reader.mistake(name)('is given without `s3-bucket`; name there the bucket that keeps the images')
    if (alone.length === 0 && reader.flag('s3-redirect'))
      reader.mistake('s3-redirect')('is given without `s3-bucket`; omit it')
    return undefined
  }
  reader.checked(
    's3-bucket',
    given,
    value =>
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.-]+)*$/.test(value) && !/\/\.\.?(\/|$)|^.*\.\./.test(value),
    'the name of a bucket, such as `my-images`, or a folder in one, such as `my-images/registry`',
  )
  const endpoint = reader.text('s3-endpoint').replace(/\/$/, '')
  // The message must not show what may be a password.
  if (endpoint.includes('@'))
    reader.mistake('s3-endpoint')(
      'has a user name or a password before an @; write the URL without it, and put the keys in `s3-access-key` and `s3-secret-key`',
    )
  else
    reader.checked(
      's3-endpoint',
      endpoint,
      isEndpoint,
      'a URL without a path, such as https://s3.example.com',
    )
  if (endpoint.startsWith('http://'))
    reader.warning('s3-endpoint')(
      'is not https: whoever is between the server and the storage can read and change images; use https unless that is your own network',
    )
  const region = reader.checked(
    's3-region',
    reader.text('s3-region') || (endpoint === '' ? '' : 'us-east-1'),
    value => /^[\w-]+$/.test(value),
    'a region, such as eu-central-1',
  )
  if (region === '')
    reader.mistake('s3-region')(
      'is missing; name the bucket’s region, such as eu-central-1, or give `s3-endpoint` if it is not at AWS',
    )
  for (const [name, value] of [
    ['s3-access-key', accessKey],
    ['s3-secret-key', secretKey],
  ] as const)
    if (value === '')
      reader.mistake(name)('is missing; is the secret that it comes from set, and may this workflow read it?')
    // The message must not show the secret.
    else if (!/^[\x21-\x7e]+$/.test(value))
      reader.mistake(name)('contains a space or a line break, which no key has; copy it again')
  checkStorage(reader, config)
  const [name = '', ...folders] = given.split('/')
  return {
    name,
    folder: folders.length === 0 ? '' : `/${folders.join('/')}`,
    region,
    endpoint: endpoint || undefined,
    ...{ accessKey, secretKey },
    redirect: reader.flag('s3-redirect'),
  }
}

function readKey(reader: Reader, name: string): string {
  const key = reader.text(name)
  for (const line of key.split('\n').filter(each => each.trim() !== '')) reader.secret(line.trim())
  return key
}

function isEndpoint(value: string): boolean {
  const [, host = '', port] = /^https?:\/\/(\[[0-9a-f:]+\]|[^:/@]+)(?::(\d{1,5}))?$/.exec(value) ?? []
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return (isHostname(host) || isIP(bare) !== 0) && Number(port ?? 1) > 0 && Number(port ?? 1) < 65_536
}

/** `registry-config` must not say something else about where images are. */
function checkStorage(reader: Reader, { storage }: Record<string, unknown>): void {
  if (!isObject(storage)) return
  const mistake = reader.mistake('registry-config')
  for (const driver of others.filter(each => isObject(storage[each])))
    mistake(`has \`storage.${driver}\`, but \`s3-bucket\` says that images are in a bucket; omit one of them`)
  const { s3 } = storage
  if (!isObject(s3)) return
  for (const [key, input] of Object.entries(settings))
    if (s3[key] !== undefined) mistake(`has \`storage.s3.${key}\`, which is what \`${input}\` says; omit it`)
}
