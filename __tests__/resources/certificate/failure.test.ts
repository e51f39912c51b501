import { expect, test } from '@jest/globals'
import type { Desired } from '../../../src/desired.ts'
import type { Topic } from '../../../src/failure.ts'
import { orderFailure } from '../../../src/resources/certificate/failure.ts'

const desired = {
  domain: 'registry.example.com',
  acme: {
    server: 'https://acme-v02.api.letsencrypt.org/directory',
    email: 'ops@example.com',
    ca: undefined,
    eab: undefined,
  },
} as Desired

// What certbot wrote, by version, before Let's Encrypt and before Pebble.
test.each<[string, Topic, RegExp]>([
  [
    'usage: \n  certbot [SUBCOMMAND] [options] [-d DOMAIN] [-d DOMAIN] ...\n\nCertbot can obtain and install HTTPS/TLS/SSL certificates.\ncertbot: error: unrecognized arguments: --nonsense=1',
    'renewal',
    /does not take `nonsense` in \/etc\/letsencrypt\/cli\.ini/,
  ],
  [
    'An unexpected error occurred:\nThere were too many requests of a given type :: Error creating new order :: too many certificates already issued for exact set of domains: registry.example.com: see https://letsencrypt.org/docs/rate-limits/',
    'authority',
    /accepts the next one in a few hours, at the latest after a week; run again then/,
  ],
  [
    'An unexpected error occurred:\ntoo many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-05-16 19:11:28 UTC: see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers',
    'authority',
    /accepts the next one after 2026-05-16 19:11:28 UTC/,
  ],
  [
    'An unexpected error occurred:\ntoo many failed authorizations (5) for "registry.example.com" in the last 1h0m0s, retry after 2026-05-16 19:11:28 UTC: see https://letsencrypt.org/docs/rate-limits/',
    'authority',
    /after 2026-05-16 19:11:28 UTC/,
  ],
  [
    'Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:\n  Domain: registry.example.com\n  Type:   caa\n  Detail: CAA record for registry.example.com prevents issuance',
    'authority',
    /a CAA record forbids acme-v02\.api\.letsencrypt\.org/,
  ],
  [
    '  Domain: registry.example.com\n  Type:   dns\n  Detail: DNS problem: NXDOMAIN looking up A for registry.example.com - check that a DNS record exists for this domain',
    'authorityView',
    /can’t resolve registry\.example\.com, though this runner can/,
  ],
  [
    '  Domain: registry.example.com\n  Type:   connection\n  Detail: 192.0.2.1: Fetching http://registry.example.com/.well-known/acme-challenge/x: Timeout during connect (likely firewall problem)',
    'authorityView',
    /can’t reach http:\/\/registry\.example\.com on port 80/,
  ],
  [
    '  Domain: registry.example.com\n  Type:   unauthorized\n  Detail: 192.0.2.1: Invalid response from http://registry.example.com/.well-known/acme-challenge/x: 404',
    'authorityView',
    /got an answer that is not this server’s/,
  ],
  [
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='acme-v02.api.letsencrypt.org', port=443): Max retries exceeded with url: /directory (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object>: Failed to establish a new connection: [Errno 111] Connection refused'))",
    'authority',
    /does not answer the server, or is down; see its status page, and run again in an hour/,
  ],
  [
    "HTTPSConnectionPool(host='acme-v02.api.letsencrypt.org', port=443): Read timed out. (read timeout=45)",
    'authority',
    /does not answer the server/,
  ],
  [
    'Max retries exceeded with url: /directory (Caused by NameResolutionError("<urllib3.connection.HTTPSConnection object>: Failed to resolve \'acme-v02.api.letsencrypt.org\' ([Errno -2] Name or service not known)"))',
    'authority',
    /the server can’t resolve acme-v02\.api\.letsencrypt\.org/,
  ],
  [
    'Max retries exceeded with url: /dir (Caused by SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate")))',
    'trust',
    /does not trust .*; give that as `ca`/,
  ],
  [
    'The ACME server requires External Account Binding. externalAccountRequired',
    'authority',
    /give `acme-eab` as kid:hmac/,
  ],
  [
    'urn:ietf:params:acme:error:badNonce :: JWS has an invalid anti-replay nonce',
    'authority',
    /keeps rejecting nonces/,
  ],
  [
    'Error creating new order :: Cannot issue for "registry.example.com": Policy forbids issuing',
    'authority',
    /because of its policy/,
  ],
  // What is in front of an authority answers without a word of ACME.
  ['acme.errors.ClientError: <Response [429]>', 'authority', /accepts the next one in a few hours/],
  ['acme.errors.ClientError: <Response [502]>', 'authority', /is down; see its status page/],
  ['acme.errors.ClientError: <Response [404]>', 'authority', /is `acme-server` the URL of its directory\?/],
  [
    'the runner did not give the word within 30 s',
    'port80',
    /did not say within 30 s .* so nothing was ordered; run again/,
  ],
  [
    '--server value conflicts with --staging',
    'renewal',
    /forbid the order \(--server value conflicts with --staging\); take them out of \/etc\/letsencrypt\/cli\.ini/,
  ],
  [
    'certbot did not finish within 15 minutes',
    'authority',
    /did not finish within 15 minutes on the server and was stopped; see what its hooks in .* wait for/,
  ],
  [
    'Error creating new account :: invalid contact domain. Contact emails @example.com are forbidden, invalidContact',
    'authority',
    /does not accept ops@example\.com; give another `email`/,
  ],
  [
    'ERROR: Another instance of Certbot is already running.',
    'authority',
    /another certbot has been running on the server for 5 minutes/,
  ],
  [
    'Reloading\nnginx was reloaded, but port 443 still shows another certificate for r than /x; see what uses the port with `ss -ltnp sport = :443`',
    'port',
    /^nginx was reloaded, but port 443 still shows another certificate/,
  ],
  ["OSError: [Errno 28] No space left on device: '/etc/letsencrypt/archive'", 'diskFull', /disk is full/],
])('%s, under %s', (output, topic, sentence) => {
  expect(orderFailure(desired, output)).toMatchObject({ topic, message: expect.stringMatching(sentence) })
})

test('what it does not know is left to certbot’s own words', () => {
  expect(orderFailure(desired, 'nginx: [emerg] unknown directive')).toBeUndefined()
})
