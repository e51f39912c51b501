import { expect, test } from '@jest/globals'
import { rehearsalFailure } from '../../../src/resources/certificate/dns-failure.ts'

const domain = 'registry.example.com'
const said = (name: string, output: string, credentials?: string) =>
  rehearsalFailure(domain, { name, credentials }, output)

// What rehearsal.py says.
test.each<[string, string, RegExp]>([
  [
    'rfc2136',
    'rehearsal: zone registry.example.com',
    /DNS knows no zone that registry\.example\.com is in; register/,
  ],
  [
    'rfc2136',
    'rehearsal: resolver example.com SERVFAIL',
    /has no answer for example\.com \(SERVFAIL\); check/,
  ],
  [
    'rfc2136',
    'rehearsal: cname a.auth.example',
    /_acme-challenge\.registry\.example\.com is a CNAME to a\.auth\.example, which certbot’s plugin for rfc2136 does not follow; remove the CNAME, or use `acme-dns: hook`/,
  ],
  ['hook', 'rehearsal: cname a.auth.example', /did not appear there; let your script set it under that name/],
  [
    'rfc2136',
    'rehearsal: unseen 120 192.0.2.1 192.0.2.2',
    /certbot’s plugin for rfc2136 set a record, and 192\.0\.2\.1 and 192\.0\.2\.2 did not show it within 120 s; is the zone/,
  ],
  [
    'rfc2136',
    'rehearsal: broken TimeoutError: timed out',
    /the rehearsal broke off with “TimeoutError: timed out”; see on the server what the name servers of registry/,
  ],
  [
    'hook',
    "Hook '--manual-auth-hook' for registry.example.com ran with error output:\n first\n no way\n\n rehearsal: hook 7",
    /your script ended with 7 when it should have set _acme-challenge\.registry\.example\.com \(“no way”\); run it by hand/,
  ],
])('%s: %s', (name, output, message) => {
  expect(said(name, output)).toMatchObject({
    topic: 'dnsRecord',
    message: expect.stringMatching(message),
  })
})

// What certbot's plugins and the libraries below them say.
test.each<[string, string, RegExp]>([
  [
    'rfc2136',
    'Received response from server: REFUSED',
    /rfc2136 refuses `acme-dns-credentials`, or it may not write _acme/,
  ],
  ['rfc2136', "The peer didn't know the key we used", /rfc2136 refuses/],
  [
    'rfc2136',
    'Encountered error when making query: The DNS operation timed out.',
    /can’t reach the name server that `acme-dns-credentials` names; may it/,
  ],
  [
    'rfc2136',
    "Unable to determine base domain for _acme-challenge.x using names: ['x']",
    /rfc2136 has no zone for registry/,
  ],
  [
    'cloudflare',
    'Error determining zone_id: 9109 Invalid access token. Please confirm',
    /cloudflare refuses/,
  ],
  ['cloudflare', 'Error determining zone_id: 6003 Invalid request headers.', /cloudflare refuses/],
  [
    'cloudflare',
    'Unable to determine zone_id for registry.example.com using zone names',
    /cloudflare has no zone for/,
  ],
  [
    'cloudflare',
    'Error communicating with the Cloudflare API: 971 429 Too Many Requests',
    /accepts no more requests for now; run again/,
  ],
  [
    'route53',
    'An error occurred (AccessDenied) when calling the ListHostedZones operation',
    /route53 refuses/,
  ],
  [
    'route53',
    'Unable to find a Route53 hosted zone for _acme-challenge.registry.example.com',
    /has no zone for/,
  ],
  ['route53', 'An error occurred (Throttling) when calling: Rate exceeded', /accepts no more requests/],
  [
    'google',
    'Error finding zone: Error parsing credentials file: Expecting value: line 1',
    /is not what certbot’s plugin for google takes/,
  ],
  [
    'digitalocean',
    'Error finding domain using the DigitalOcean API: Unable to authenticate you',
    /digitalocean refuses/,
  ],
  ['desec', `Could not authenticate against deSEC API: b'{"detail": "Invalid token."}'`, /desec refuses/],
  [
    'desec',
    'Could not find suitable domain in your account (did you create it?): _acme-challenge.registry.example.com',
    /desec has no zone for/,
  ],
  [
    'desec',
    'deSEC throttled your request even after we waited the prescribed cool-down time.',
    /accepts no more requests/,
  ],
  [
    'linode',
    'Missing property in credentials configuration file /etc/x',
    /is not what certbot’s plugin for linode takes/,
  ],
  [
    'unusual',
    'certbot: error: unrecognized arguments: --dns-unusual-credentials',
    /is missing, or not one that Berth/,
  ],
])('%s: %s', (name, output, message) => {
  expect(said(name, `${output}\nAsk for help or search\nrehearsal: provider`)?.message).toMatch(message)
})

test('what nobody knows is repeated', () => {
  expect(
    said('x', 'Saving debug log to /run/x\nthe moon is full\nAsk for help\nrehearsal: provider')?.message,
  ).toMatch(/^nothing was ordered: certbot’s plugin for x failed with “the moon is full”; see/)
})

test('a provider that can’t be reached has not said that it has no such zone', () => {
  const output =
    'Unable to determine zone_id for registry.example.com using zone names: []. The error from Cloudflare was: 0 connection failed..\nrehearsal: provider'
  expect(said('cloudflare', output, 'x')?.message).toMatch(/can’t reach the API of cloudflare/)
})

test('a word in the domain or its zone decides nothing', () => {
  const output =
    "Unable to determine zone_id for forbidden.timeout.dev using zone names: ['forbidden.timeout.dev', 'timeout.dev', 'dev']\nrehearsal: provider"
  const dns = { name: 'cloudflare', credentials: 'x' }
  expect(rehearsalFailure('forbidden.timeout.dev', dns, output)?.message).toMatch(
    /cloudflare has no zone for forbidden\.timeout\.dev/,
  )
})

test('a credential that was not given is asked for', () => {
  const output =
    'Missing command line flag or config entry for this setting:\nInput the path\nrehearsal: provider'
  expect(said('cloudflare', output, undefined)).toMatchObject({
    message: expect.stringMatching(/needs a credential; give `acme-dns-credentials`/),
  })
})

test('an order that failed after a good rehearsal is explained elsewhere', () => {
  expect(said('rfc2136', 'Type: dns\nDetail: 429')).toBeUndefined()
})
