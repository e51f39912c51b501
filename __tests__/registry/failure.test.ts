import { expect, test } from '@jest/globals'
import type { Topic } from '../../src/failure.ts'
import { connectionFailure, proxyFailure } from '../../src/registry/failure.ts'
import { Transient } from '../../src/registry/retry.ts'

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
    'can’t be reached over HTTPS: who knows; try `curl -v https://r.example.com/v2/`',
  ],
])('%s %s is explained under %s', (code, message, topic, sentence) => {
  const subjectaltname = 'DNS:a.example, DNS:b.example, DNS:c.example, DNS:d.example'
  const error = Object.assign(new Error(message), { code: code || undefined, cert: { subjectaltname } })
  const failure = connectionFailure('r.example.com', error as never)
  expect(failure).toMatchObject({ topic, message: expect.stringContaining(sentence) })
})

test.each<[string, string, NodeJS.ProcessEnv, Topic]>([
  ['a proxy', 'ETIMEDOUT', { HTTPS_PROXY: 'http://proxy:3128' }, 'proxy'],
  ['a proxy in small letters', 'ENOTFOUND', { https_proxy: 'http://proxy:3128' }, 'proxy'],
  ['none', 'ETIMEDOUT', { HTTPS_PROXY: '' }, 'endpoint'],
  [
    'one that is not for it',
    'ETIMEDOUT',
    { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'a.b, .example.com' },
    'endpoint',
  ],
  ['one that is for none', 'ETIMEDOUT', { HTTPS_PROXY: 'http://proxy', no_proxy: '*' }, 'endpoint'],
  ['one, and another reason', 'ECONNRESET', { HTTPS_PROXY: 'http://proxy' }, 'endpoint'],
])('a runner that reaches nobody directly, with %s', (_, code, env, topic) => {
  const failure = connectionFailure('r.example.com', Object.assign(new Error(''), { code }) as never, env)
  expect(failure.topic).toBe(topic)
  expect(/Berth does not go through it/.test(failure.message)).toBe(topic === 'proxy')
})

test.each<[number, boolean, string]>([
  [521, true, 'let the proxy in on port 443'],
  [522, true, 'let the proxy in on port 443'],
  [523, true, 'let the proxy in on port 443'],
  [524, true, 'push with `push-through: ssh`'],
  [525, false, 'does not accept the server’s certificate'],
  [526, false, 'does not accept the server’s certificate'],
])('%d is a proxy’s own, and tried again: %s', (status, again, sentence) => {
  const failure = proxyFailure('r.example.com', status)
  expect(failure).toMatchObject({ topic: 'proxy', message: expect.stringContaining(sentence) })
  expect(failure instanceof Transient).toBe(again)
})

test.each([200, 401, 500, 502, 503, 504, 520])('%d may be the registry’s own', status => {
  expect(proxyFailure('r.example.com', status)).toBeUndefined()
})
