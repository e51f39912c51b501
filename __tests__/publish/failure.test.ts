import { describe, expect, test } from '@jest/globals'
import type { Topic } from '../../src/failure.ts'
import { DiskFull, pushFailure } from '../../src/publish/failure.ts'
import { Transient } from '../../src/registry/retry.ts'

const attempt = { domain: 'r.example.com', repository: 'app', user: 'ci', client: 'Docker' }

describe('what a client says becomes', () => {
  test.each([
    'received unexpected HTTP status: 502 Bad Gateway',
    'received unexpected HTTP status: 503 Service Unavailable',
    'toomanyrequests: too many requests',
    'write tcp 10.0.0.1:1->10.0.0.2:443: write: connection reset by peer',
    'Put "https://r.example.com/v2/app/blobs/uploads/1": EOF',
    'net/http: TLS handshake timeout',
    'blob upload unknown: blob upload unknown to registry',
  ])('a new try: %s', words => {
    expect(pushFailure(words, attempt)).toBeInstanceOf(Transient)
    expect(pushFailure(words, attempt).topic).toBe('push')
  })

  test.each<[string, Topic, string]>([
    [
      'denied: requested access to the resource is denied',
      'pushRights',
      '`ci` may not push to r.example.com/app',
    ],
    ['unauthorized: authentication required', 'pushRights', '`ci` may not push to r.example.com/app'],
    [
      'received unexpected HTTP status: 403 Forbidden',
      'pushRights',
      '`ci` may not push to r.example.com/app',
    ],
    ['error parsing HTTP 413 response body: invalid character', 'proxy', 'raise its limit'],
    ['no space left: the disk of this registry is nearly full', 'diskFull', 'disk is full'],
    ['denied: no space left', 'diskFull', 'disk is full'],
    [
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
      'trust',
      'does not trust the certificate',
    ],
    ['dial tcp: lookup r.example.com on 127.0.0.53:53: no such host', 'dns', 'can’t resolve r.example.com'],
    [
      'something that nobody knows',
      'push',
      'Docker can’t push r.example.com/app: something that nobody knows',
    ],
  ])('an end: %s, under %s', (words, topic, sentence) => {
    const error = pushFailure(words, attempt)
    expect(error).not.toBeInstanceOf(Transient)
    expect(error).toMatchObject({ topic, message: expect.stringContaining(sentence) })
  })

  test('a full disk, as the registry tells it', () => {
    const body =
      '{"errors":[{"code":"UNKNOWN","detail":{"DriverName":"filesystem","Enclosed":{"Op":"write","Err":28}}}]}'
    expect(pushFailure(body, attempt)).toBeInstanceOf(DiskFull)
  })
})
