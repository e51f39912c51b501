import { describe, expect, test } from '@jest/globals'
import type { Mode } from '../../src/desired.ts'
import { readDns, secretsOf } from '../../src/inputs/dns.ts'
import { Reader } from '../../src/inputs/reader.ts'

function read(inputs: Record<string, string>, mode: Mode = 'up') {
  const secrets: string[] = []
  const reader = new Reader(
    name => inputs[name] ?? '',
    text => secrets.push(text),
  )
  return { dns: readDns(reader, mode), mistakes: reader.mistakes.map(({ message }) => message), secrets }
}

const script = '#!/bin/sh\ncurl --config -'

test('none is wanted unless told', () => {
  expect(read({})).toEqual({ dns: undefined, mistakes: [], secrets: [] })
})

test('a plugin and its file, without what a secret’s editor added', () => {
  const given = {
    'acme-dns': 'cloudflare',
    'acme-dns-credentials': '\uFEFFdns_cloudflare_api_token = 0123\r\n\r\n',
  }
  expect(read(given)).toMatchObject({
    dns: { name: 'cloudflare', credentials: 'dns_cloudflare_api_token = 0123\n' },
    mistakes: [],
  })
})

test('a plugin may need no credential: the server may have a role', () => {
  expect(read({ 'acme-dns': 'route53' })).toMatchObject({
    dns: { name: 'route53', credentials: undefined },
    mistakes: [],
  })
})

test.each<[string, Record<string, string>, RegExp]>([
  ['a name that is none', { 'acme-dns': '--x' }, /^acme-dns: "--x" is not `hook`, or the name of one/],
  [
    'a plugin that is a name server of its own',
    { 'acme-dns': 'standalone' },
    /^acme-dns: can’t be standalone, whose name server answers only while certbot runs.*; use the plugin/,
  ],
  [
    'a credential for nobody',
    { 'acme-dns-credentials': 'x' },
    /^acme-dns-credentials: is given without `acme-dns`/,
  ],
  ['a hook without a script', { 'acme-dns': 'hook' }, /^acme-dns-credentials: is missing; give a script/],
  ['a hook that is none', { 'acme-dns': 'hook', 'acme-dns-credentials': 'a = b' }, /is not a script/],
  [
    'a certificate of your own besides',
    { 'acme-dns': 'hook', 'acme-dns-credentials': script, certificate: 'PEM' },
    /^acme-dns: is for certificates by ACME, but `certificate` is your own; omit one/,
  ],
])('%s is a mistake', (_, inputs, message) => {
  expect(read(inputs).mistakes).toEqual([expect.stringMatching(message)])
})

test.each<Mode>(['down', 'push'])('mode %s sets no record', mode => {
  expect(read({ 'acme-dns': 'hook' }, mode).mistakes).toEqual([])
})

describe('what must not show', () => {
  test('is each secret of a file, and nothing that anybody may know', () => {
    const file = `# TSIG
dns_rfc2136_server = 192.0.2.7
dns_rfc2136_port = 10053
dns_rfc2136_name = registry-key
dns_rfc2136_secret = c2VjcmV0+/c2VjcmV0==
dns_rfc2136_algorithm = HMAC-SHA512
dns_x_username = ops@example.com
dns_x_password = "correct horse"
dns_x_url=https://api.example.com/v1`
    expect(secretsOf(file)).toEqual(['c2VjcmV0+/c2VjcmV0==', 'correct horse', 'c2VjcmV0+/c2VjcmV0'])
  })

  test('is the key in JSON, line by line', () => {
    const json = String.raw`{"private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSjAgEAA1\n-----END", "client_email": "a@project-1234567890.iam.gserviceaccount.com"}`
    expect(secretsOf(json)).toEqual(
      expect.arrayContaining(['MIIEvQIBADANBgkqhkiG9w0', 'BAQEFAASCBKcwggSjAgEAA1']),
    )
    expect(secretsOf(json)).not.toContain('a@project-1234567890.iam.gserviceaccount.com')
  })

  test('is a token in a script, and not its names, paths and hosts', () => {
    const text = `#!/bin/sh
zone=registry1.example.com
curl --config - <<CURL
url = "https://api2.example.com/update/records"
header = "Authorization: Bearer sk4f0e9a8b7c6d5e4f3a"
data = "$CERTBOT_VALIDATION"
CURL`
    const secrets = secretsOf(text)
    expect(secrets).toContain('sk4f0e9a8b7c6d5e4f3a')
    expect(secrets.filter(each => /^(registry1|https)/.test(each))).toEqual([])
  })

  test.each([
    ['export API_TOKEN=correcthorse', 'correcthorse'],
    ["export PASSWORD='correct horse'", 'correct horse'],
    ['curl -H "X-Api-Key: correcthorse" https://api.example.com', 'correcthorse'],
    ['header = "Authorization: Bearer correcthorse"', 'correcthorse'],
    ['dnstool --token correcthorse set', 'correcthorse'],
    ['dnstool --password=correct-horse set', 'correct-horse'],
    ['echo {"secret": "correcthorse"} | dnstool', 'correcthorse'],
  ])('is what a name of secrets has, and need not look random: %s', (line, secret) => {
    expect(secretsOf(`#!/bin/sh\n${line}`)).toContain(secret)
  })

  const awsKey = '/bPxRfiCYEXAMPLEKEYwJalrXUtnFEMIK7MDENG/'

  test.each([
    ['a file of settings', `[default]\naws_secret_access_key = ${awsKey}`],
    ['an indented line', `[default]\n  aws_secret_access_key=${awsKey}`],
    ['a script', `#!/bin/sh\nexport AWS_SECRET_ACCESS_KEY=${awsKey}`],
    [
      'a function of a script',
      `#!/bin/sh\nset_record() {\n  AWS_SECRET_ACCESS_KEY="${awsKey}" aws route53\n}`,
    ],
    ['JSON', `{\n  "secret_access_key": "${awsKey}"\n}`],
    ['what curl is told', `#!/bin/sh\ncurl -su ops -u 'AKIDEXAMPLE:${awsKey}' https://api.example.com`],
  ])('is a key that looks like a path: in %s', (_, text) => {
    expect(secretsOf(text)).toContain(awsKey)
  })

  test('is no file with a key, nor the address and the user that curl is told', () => {
    const text =
      '#!/bin/sh\nKEY=/etc/letsencrypt/key.pem\ntool --key /root/keys/zone.key\ncurl -u ops:correct-horse https://api.example.com/v1'
    expect(secretsOf(text)).toEqual(['correct-horse'])
  })

  test('is a password in a function, and none of the other words there', () => {
    const text = `#!/bin/sh\nf() {\n  action=create\n  password='correct horse'\n}`
    expect(secretsOf(text)).toContain('correct horse')
    expect(secretsOf(text)).not.toContain('create')
  })

  test('is no variable, and none of the words around it', () => {
    const text =
      '#!/bin/sh\n# Sets a token\nnsupdate -k /etc/bind/key <<END\nkey = $KEY\nupdate add $1\nEND\n'
    expect(secretsOf(text)).toEqual([])
  })
})
