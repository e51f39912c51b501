import { describe, expect, test } from '@jest/globals'
import type { Topic } from '../../src/failure.ts'
import { DiskFull, loginFailure, pushFailure } from '../../src/publish/failure.ts'
import { Transient } from '../../src/registry/retry.ts'

const attempt = { domain: 'r.example.com', repository: 'app', user: 'ci', client: 'Docker' }

describe('what a client says becomes', () => {
  test.each([
    'received unexpected HTTP status: 502 Bad Gateway',
    'trying to reuse blob: StatusCode: 500, "{}"',
    'r.example.com/app:1 is answered with 503: no',
    'received unexpected HTTP status: 503 Service Unavailable',
    'toomanyrequests: too many requests',
    'write tcp 10.0.0.1:1->10.0.0.2:443: write: connection reset by peer',
    'Put "https://r.example.com/v2/app/blobs/uploads/1": EOF',
    'Put "https://r.example.com/v2/app/manifests/1": received unexpected HTTP status: 502 Bad Gateway',
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
    [
      'proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused',
      'proxy',
      'add r.example.com to its `no-proxy`',
    ],
    [
      'Get "https://r.example.com/v2/": Forbidden',
      'proxy',
      'through a proxy that does not reach it; add r.example.com to its `no-proxy`',
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
    [
      'initializing source oci-archive:a.tar: untarring file: write /var/tmp/x: no space left on device',
      'diskFull',
      'this runner’s disk is full',
    ],
    ['413 <html>Request</html>', 'proxy', 'raise its limit'],
    ['r.example.com/app:1 is answered with 525', 'proxy', 'does not accept the server’s certificate'],
    // Tags that are numbers of runs.
    ['uploading manifest 413 to r.example.com/app: manifest invalid', 'push', 'manifest invalid'],
    ['uploading manifest 525 to r.example.com/app: denied', 'pushRights', 'may not push'],
    ['uploading manifest 503 to r.example.com/app: manifest invalid', 'push', 'manifest invalid'],
    ['uploading manifest 401 to r.example.com/app: manifest invalid', 'push', 'manifest invalid'],
  ])('an end: %s, under %s', (words, topic, sentence) => {
    const error = pushFailure(words, attempt)
    expect(error).not.toBeInstanceOf(Transient)
    expect(error).toMatchObject({ topic, message: expect.stringContaining(sentence) })
  })

  test('a proxy’s whole page is read at once', () => {
    const page = 'x'.repeat(1_000_000)
    const before = performance.now()
    expect(pushFailure(`error parsing HTTP 413 response body: ${page}`, attempt)).toMatchObject({
      topic: 'proxy',
    })
    // It took minutes where each character was the beginning of a search.
    expect(performance.now() - before).toBeLessThan(5000)
  })

  test('a full disk, as the registry tells it', () => {
    const body =
      '{"errors":[{"code":"UNKNOWN","detail":{"DriverName":"filesystem","Enclosed":{"Op":"write","Err":28}}}]}'
    expect(pushFailure(body, attempt)).toBeInstanceOf(DiskFull)
  })
})

describe('names decide nothing', () => {
  const of = (repository: string, words: string, domain = 'r.example.com') =>
    pushFailure(words, { ...attempt, domain, repository })

  test.each([
    [
      'team/certificate-service',
      'Put "https://r.example.com/v2/team/certificate-service/blobs/uploads/1": EOF',
    ],
    [
      'team/access-denied-page',
      'Put "https://r.example.com/v2/team/access-denied-page/blobs/uploads/1": EOF',
    ],
    ['denied', 'Patch "http://127.0.0.1:4040/v2/denied/blobs/uploads/1": EOF'],
    ['app', 'Put "https://r.example.com/v2/app/manifests/fix-x509": EOF'],
    ['app', 'uploading manifest access-denied to r.example.com/app: EOF'],
    ['app', 'r.example.com/app:forbidden is answered with 503: no'],
    ['app', 'copying oci-archive:/work/certificate.tar: writing blob: EOF'],
  ])('%s: %s is a new try', (repository, words) => {
    const failure = of(repository, words)
    expect(failure).toBeInstanceOf(Transient)
    expect(failure.message).toContain(words)
  })

  test('of a domain', () => {
    const words = 'Put "https://certificate.denied.dev/v2/app/blobs/uploads/1": EOF'
    expect(of('app', words, 'certificate.denied.dev')).toBeInstanceOf(Transient)
    const login = 'Get "https://certificate.denied.dev/v2/": EOF'
    expect(loginFailure(login, { domain: 'certificate.denied.dev', user: 'ci' })).toBeInstanceOf(Transient)
  })

  test.each<[string, string, Topic]>([
    ['denied', 'denied: requested access to the resource is denied', 'pushRights'],
    ['certificate', 'tls: failed to verify certificate: unknown', 'trust'],
    ['tmp', 'initializing source: write /var/tmp/x: no space left on device', 'diskFull'],
    ['eof/x', 'Put "https://r.example.com/v2/eof/x-denied/manifests/1": x', 'pushRights'],
  ])('but a word is no name only because a repository is called %s: %s', (repository, words, topic) => {
    expect(of(repository, words)).toMatchObject({ topic })
    expect(of(repository, words)).not.toBeInstanceOf(Transient)
  })
})

test.each<[string, Topic, string]>([
  [
    'Error saving credentials: error storing credentials - err: exit status 1, out: `exit status 2`',
    'runnerLogin',
    'its credential helper does not accept the password; correct `credsStore`',
  ],
  ['tls: failed to verify certificate: x509: unknown authority', 'trust', 'give a private authority as `ca`'],
  [
    'Error response from daemon: Get "https://r.example.com/v2/": Service Unavailable',
    'proxy',
    'this runner’s Docker goes to r.example.com through a proxy',
  ],
  ['/bin/sh: docker: not found', 'runnerProgram', 'this runner has no Docker to log in'],
  [
    'something else',
    'runnerLogin',
    'does a step with `docker login r.example.com` work there? (something else)',
  ],
])('a login that fails with “%s” is explained under %s', (words, topic, sentence) => {
  const failure = loginFailure(words, { domain: 'r.example.com', user: 'ci' })
  expect(failure).toMatchObject({ topic, message: expect.stringContaining(sentence) })
  expect(failure).not.toBeInstanceOf(Transient)
})

test('a login that a restart of the server refused is tried again', () => {
  const words = 'received unexpected HTTP status: 502 Bad Gateway'
  expect(loginFailure(words, { domain: 'r.example.com', user: 'ci' })).toBeInstanceOf(Transient)
})
