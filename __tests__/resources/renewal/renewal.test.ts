import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { Desired } from '../../../src/desired.ts'
import type { Lineage } from '../../../src/resources/certificate/certificate.ts'
import { credentialSum } from '../../../src/resources/certificate/certificate.ts'
import { renewableByDns } from '../../../src/resources/renewal/conf.ts'
import { renewal } from '../../../src/resources/renewal/renewal.ts'
import type { Step } from '../../../src/resources/resource.ts'
import { selfSigned } from '../../pem.ts'
import { certificateOf, conf, desired, domain, file, leaf, server, well } from '../lineage.ts'

const day = 24 * 60 * 60 * 1000

const summaries = (steps: readonly Step[]) =>
  steps.flatMap(({ changes, call: [name] }) =>
    changes.map(({ action, summary }) => `${action} ${summary} (${name})`),
  )

const settled = renewal.steps(desired, {
  hook: undefined,
  ca: undefined,
  care: undefined,
  trust: undefined,
  timer: false,
  settings: [],
  lineage: well,
})
const argument = (name: string) => settled.find(({ call }) => call[0] === name)?.call[1] ?? ''
const good = {
  hook: { ...file(argument('renewal_hook')), mode: '755' },
  ca: undefined,
  care: file(argument('renewal_care')),
  trust: undefined,
  timer: true,
  settings: [],
}
const plan = (seen: Partial<Lineage>, want: Partial<Desired> = {}) =>
  summaries(renewal.steps({ ...desired, ...want }, { ...good, lineage: { ...well, ...seen } }))
const acme = (more: Partial<Desired['acme']>) => ({ acme: { ...desired.acme, ...more } })

test('hook, service and timer are set up, and then left alone', () => {
  expect(settled.map(({ call: [name] }) => name)).toEqual(['renewal_hook', 'renewal_care', 'renewal_timer'])
  expect(plan({})).toEqual([])
})

test('another authority, another name, no settings, expired: ordered anew', () => {
  expect(plan({}, acme({ server: 'https://other/dir' }))).toEqual([
    `update order from https://other/dir, because it came from ${server} (certificate_order)`,
  ])
  expect(plan({ leaf: certificateOf('other.example.com') })[0]).toMatch(/does not cover/)
  expect(plan({ conf: undefined })[0]).toMatch(/certbot has lost the settings/)
})

test('one that is due is renewed, and a failure is survived', () => {
  const aged: X509Certificate = Object.create(leaf, {
    validFromDate: { value: new Date(Date.now() - 80 * day) },
    validToDate: { value: new Date(Date.now() + 10 * day) },
    checkHost: { value: () => domain },
  })
  const seen = { leaf: aged }
  expect(plan(seen)).toEqual([
    expect.stringMatching(/^update renew, because it is only valid until .* \(renewal_order\)$/),
  ])
})

test('a new address is told to the authority, and none at all is no wish', () => {
  const seen = { contact: file(`${server} old@example.com\n`) }
  expect(plan(seen, acme({ email: 'new@example.com' }))).toEqual([
    'update tell the authority your address, new@example.com (certificate_contact)',
  ])
  expect(plan(seen, acme({ email: 'old@example.com' }))).toEqual([])
  expect(plan(seen)).toEqual([])
})

test('another certificate served than the one on disk is a reload', () => {
  expect(plan({ served: certificateOf(domain) })).toEqual([
    'update reload nginx, which serves a different certificate from the one on disk (certificate_serve)',
  ])
  expect(plan({ served: undefined })).toEqual([])
})

test('the private authority comes and goes', () => {
  expect(plan({}, acme({ ca: 'PEM\n' }))).toEqual([
    'create trust the private certificate authority (renewal_trust)',
  ])
  const gone = renewal.steps(desired, { ...good, ca: file('PEM\n'), lineage: well })
  expect(summaries(gone)).toEqual(['delete trust in the private certificate authority (renewal_distrust)'])
})

test('settings that would stop nginx are mended, without an order', () => {
  const byHand = conf.replace('authenticator = webroot', 'authenticator = standalone')
  expect(plan({ conf: file(byHand) })).toEqual([
    'update renew through nginx’s port 80, without stopping it (renewal_conf)',
  ])
})

test('your own certificate is served, and nobody orders one', () => {
  const own = selfSigned(domain)
  const chain = own.cert
  expect(plan({}, { certificate: { chain, key: own.key } })).toEqual([
    'update reload nginx, which serves a different certificate from the one on disk (certificate_serve)',
  ])
  expect(
    plan({ served: new X509Certificate(chain), conf: undefined }, { certificate: { chain, key: own.key } }),
  ).toEqual([])
})

test('a certificate that is not there at all is up to another resource', () => {
  expect(plan({ leaf: undefined })).toEqual([])
})

test('taken away, the hook goes if it is there', () => {
  expect(summaries(renewal.removal?.(desired, { ...good, lineage: well }) ?? [])).toEqual([
    'delete the hook that reloads nginx (renewal_unhook)',
  ])
  expect(renewal.removal?.(desired, { ...good, hook: undefined, lineage: well })).toEqual([])
  // It would go on to count for all certificates of that server.
  const ca = file('an authority')
  expect(
    summaries(renewal.removal?.(desired, { ...good, hook: undefined, lineage: well, ca }) ?? []),
  ).toEqual(['delete trust in the private certificate authority (renewal_distrust)'])
})

describe('by DNS', () => {
  const dns = { name: 'rfc2136', credentials: 'key\n' }
  const want = acme({ dns })
  const credential = credentialSum(dns)
  const byDns = renewableByDns(conf, domain, dns)?.replace('@WAIT@', '10') ?? ''

  test('from port 80, with another key, or as it is', () => {
    expect(plan({}, want)).toEqual(['update renew by DNS (rfc2136) (dns_renew)'])
    const old = { conf: file(byDns), credential: '600 root:root old' }
    expect(plan(old, want)).toEqual(['update replace the credential for DNS (rfc2136) (dns_renew)'])
    expect(plan({ conf: file(byDns), credential }, want)).toEqual([])
    // How long the record takes is measured anew.
    const steps = renewal.steps({ ...desired, ...want }, { ...good, lineage: { ...well, ...old } })
    expect(steps[0]?.call.at(-1)).toContain('dns_rfc2136_propagation_seconds = @WAIT@\n')
  })

  test('to port 80, or to your own certificate: the credential goes', () => {
    const own = selfSigned(domain)
    expect(plan({ conf: file(byDns), credential })).toEqual([
      'update renew through nginx’s port 80, without stopping it (renewal_conf)',
      'delete the credential for DNS (dns_forget)',
    ])
    const brought = { certificate: { chain: own.cert, key: own.key } }
    expect(plan({ credential, served: undefined }, brought)).toEqual([
      'delete the credential for DNS (dns_forget)',
    ])
  })

  test('from another authority, settings and key come along with the order', () => {
    expect(plan({}, acme({ dns, server: 'https://other/dir' }))).toEqual([
      `update order from https://other/dir, because it came from ${server} (certificate_order)`,
    ])
  })

  test('taken away, the credential goes', () => {
    const seen = { ...good, lineage: { ...well, credential } }
    expect(summaries(renewal.removal?.(desired, seen) ?? [])[0]).toBe(
      'delete the credential for DNS (dns_forget)',
    )
  })
})
