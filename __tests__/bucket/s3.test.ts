import { spawnSync } from 'node:child_process'
import { describe, expect, test } from '@jest/globals'
import { library } from '../../src/shell.ts'

const there = spawnSync('python3', ['--version']).status === 0

/** What an expression is, with a bucket of these settings. */
function python(expression: string, settings: object = {}): unknown {
  const given = {
    region: 'eu-central-1',
    bucket: 'images',
    pathStyle: false,
    folder: '',
    accessKey: 'key',
    secretKey: 'secret',
    ...settings,
  }
  const program = `${library('bucket/s3.py')}
bucket = Bucket(json.load(sys.stdin), 5)
print(json.dumps(${expression}))
`
  const { stdout, stderr } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(given),
    encoding: 'utf8',
  })
  return stdout ? JSON.parse(stdout) : stderr
}
// Servers have it, with certbot; here it may be missing.
;(there ? describe : describe.skip)('a bucket', () => {
  const checks = '[bucket.context.verify_mode == ssl.CERT_REQUIRED, bucket.context.check_hostname]'

  test('must prove who it is, unless told otherwise', () => {
    expect(python(checks)).toEqual([true, true])
    expect(python(checks, { skipVerify: false })).toEqual([true, true])
    expect(python(checks, { skipVerify: true })).toEqual([false, false])
  })

  test('a connection by https is made with that', () => {
    const program = `(bucket.secure, bucket.host)`
    expect(python(program)).toEqual([true, 'images.s3.eu-central-1.amazonaws.com'])
    expect(python(program, { endpoint: 'https://s3.example.com:9000', pathStyle: true })).toEqual([
      true,
      's3.example.com:9000',
    ])
    expect(python(program, { endpoint: 'http://s3.example.com' })).toEqual([false, 'images.s3.example.com'])
    expect(python(program, { region: 'cn-north-1' })).toEqual([true, 'images.s3.cn-north-1.amazonaws.com.cn'])
  })

  test('never sends its secret, only what is signed with it', () => {
    const signed = python("bucket.sign('GET', '/a', '', {'host': bucket.host}, b'')") as Record<
      string,
      string
    >
    expect(JSON.stringify(signed)).not.toContain('"secret"')
    expect(signed.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=key\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    )
  })
})
