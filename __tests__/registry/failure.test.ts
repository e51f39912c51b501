import { expect, test } from '@jest/globals'
import type { Topic } from '../../src/failure.ts'
import { connectionFailure } from '../../src/registry/failure.ts'

test.each<[string, string, Topic, string]>([
  ['ENOTFOUND', '', 'dns', 'does not resolve'],
  ['EAI_AGAIN', '', 'dns', 'does not resolve'],
  ['ECONNREFUSED', '', 'endpoint', 'nothing listens on port 443'],
  ['ETIMEDOUT', '', 'endpoint', 'let HTTPS in?'],
  ['EHOSTUNREACH', '', 'endpoint', 'let HTTPS in?'],
  ['ECONNRESET', '', 'endpoint', 'closes connections to port 443'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', '', 'endpoint', 'does not speak HTTPS'],
  ['CERT_NOT_YET_VALID', '', 'servedCertificate', 'not valid yet'],
  ['CERT_HAS_EXPIRED', '', 'servedCertificate', 'has expired'],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    '',
    'servedCertificate',
    'is for other names (a.example, b.example, c.example, …)',
  ],
  ['SELF_SIGNED_CERT_IN_CHAIN', '', 'trust', 'give a private one as `ca`'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', '', 'trust', 'give a private one as `ca`'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', '', 'trust', 'give a private one as `ca`'],
  ['', 'tlsv1 unrecognized name', 'endpoint', 'does not know this name'],
  [
    '',
    'who knows',
    'endpoint',
    'can’t be asked over HTTPS: who knows; try `curl -v https://r.example.com/v2/`',
  ],
])('%s %s is explained under %s', (code, message, topic, sentence) => {
  const subjectaltname = 'DNS:a.example, DNS:b.example, DNS:c.example, DNS:d.example'
  const error = Object.assign(new Error(message), { code: code || undefined, cert: { subjectaltname } })
  const failure = connectionFailure('r.example.com', error as never)
  expect(failure).toMatchObject({ topic, message: expect.stringContaining(sentence) })
})
