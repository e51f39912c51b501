import { createHash, X509Certificate } from 'node:crypto'
import type { AcmeDns, Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { Facts, ServerFile } from '../../server/facts.ts'
import { type Call, library } from '../../shell.ts'
import { berthWebroot, siteFile } from '../names.ts'
import { change, resource, type Step } from '../resource.ts'
import { challengeConf } from '../site/nginx.ts'
import { orderFailure } from './failure.ts'

/** What the server has of a certificate for the domain. */
export interface Lineage {
  /** certbot’s name for it. */
  name: string
  /** The state of certbot's live folder: `whole`, `lost`, or the version in its archive to restore it from. */
  state: string
  /** The first certificate of that chain, if it can be read. */
  leaf: X509Certificate | undefined
  /** certbot's settings for renewing it. */
  conf: ServerFile | undefined
  /** `SERVER EMAIL`: the address that the authority was last told. */
  contact: ServerFile | undefined
  /** `MODE OWNER SHA256` of the user's own certificate and key; `absent`. */
  own: string
  /** The same for what sets a record in DNS. */
  credential: string
  /** The certificate that port 443 shows; `undefined` if nobody answers. */
  served: X509Certificate | undefined
  ipv6: boolean
  /** The server's own addresses. */
  addresses: string[]
  /** The folder with the challenge for this domain when a certificate of somebody else's that has it too is renewed. */
  webroot: string | undefined
  /** Directives of nginx that somebody has set for all sites, see `site`. */
  named: string[]
  /** IP addresses of the registry’s other servers. */
  peers: string[]
  /** `right`, or the date that the server believes in. */
  clock: string
}

/**
 * The certificate of this name, unless it has other domains too. Then it is somebody else's, and replacing it would take those
 * domains from it, so Berth has one of its own beside it.
 */
export function readLineage(facts: Facts, domain: string): Lineage {
  const usual = readFiles(facts, 'certificate', domain)
  const apart = readFiles(facts, 'certificate.apart', `berth-${domain}`)
  const files = apart.leaf || namesOthers(usual, domain) ? apart : usual
  return {
    ...files,
    contact: facts.file('certificate.contact'),
    own: facts.get('certificate.own'),
    credential: facts.get('certificate.dns'),
    served: parse(Buffer.from(facts.get('certificate.served'), 'base64')),
    ipv6: facts.is('certificate.ipv6'),
    addresses: readAddresses(facts),
    webroot: otherWebroot(facts, files.name),
    named: facts.get('site.named').split(' ').filter(Boolean).sort(),
    peers: readPeers(facts).flatMap(({ address }) => address || []),
    clock: facts.get('certificate.clock'),
  }
}

/** The other servers of the registry, by their names; an address is empty if this server does not know it. */
export function readPeers(facts: Facts): { name: string; address: string }[] {
  return facts
    .get('site.peers')
    .split(' ')
    .filter(Boolean)
    .map(each => {
      const [name = '', address = ''] = each.split('=')
      return { name, address }
    })
}

/** The server's own addresses. */
export function readAddresses(facts: Facts): string[] {
  return facts.get('certificate.addresses').split(' ').filter(Boolean)
}

type Files = Pick<Lineage, 'name' | 'state' | 'leaf' | 'conf'>

function readFiles(facts: Facts, fact: string, name: string): Files {
  return {
    name,
    state: facts.get(`${fact}.lineage`),
    leaf: parse(facts.file(`${fact}.chain`)?.content),
    conf: facts.file(`${fact}.conf`),
  }
}

/** Whether a certificate has other domains too, by the certificate itself or, if that is lost, by certbot's settings. */
function namesOthers({ leaf, conf }: Files, domain: string): boolean {
  const names = leaf ? (leaf.subjectAltName ?? '').split(', ') : mapped(conf?.content ?? '')
  return names.some(name => name !== '' && name !== `DNS:${domain}`)
}

function mapped(conf: string): string[] {
  const [, map = ''] = conf.split(/^ *\[\[webroot_map\]\]$/m)
  return [...map.matchAll(/^ *([\w.*-]+) = /gm)].map(([, name]) => `DNS:${name}`)
}

/** Only a path that needs no quotes in nginx's configuration. */
function otherWebroot(facts: Facts, own: string): string | undefined {
  const webroots = facts.get('certificate.webroots').split(';')
  return webroots
    .map(each => /^(.+) (\/[\w./-]*)$/.exec(each))
    .find(match => match && match[1] !== own && match[2] !== berthWebroot)?.[2]
}

/** Makes sure that there is a certificate which nginx can load. `renewal` makes sure that it is the right one and stays valid. */
export const certificate = resource<Lineage>({
  name: 'certificate',

  libraries: ['certificate', 'order', 'dns'],

  probe: ({ domain, directory }) => [
    ['certificate_probe', domain, directory, String(Math.floor(Date.now() / 1000))],
  ],

  read: (facts, { domain }) => readLineage(facts, domain),

  failures: (_, { clock }) =>
    clock === 'right'
      ? []
      : [
          new Failure(
            'clock',
            `the server’s clock shows ${clock}, more than a day off, so no certificate would be valid there; set it, for instance with \`timedatectl set-ntp true\`, and run again`,
          ),
        ],

  steps(desired, seen) {
    const { domain, directory, certificate, acme } = desired
    const step = { resource: 'certificate' }
    if (certificate) {
      const content = certificate.chain + certificate.key
      const wanted = `600 root:root ${createHash('sha256').update(content).digest('hex')}`
      const exists = seen.own !== 'absent'
      return seen.own === wanted
        ? []
        : [
            {
              ...step,
              changes: change(exists, `${exists ? 'replace' : 'store'} your own certificate for ${domain}`),
              call: ['certificate_bring', domain, directory, content, siteFile(domain)],
            },
          ]
    }
    if (seen.state === 'whole' && seen.leaf) return []
    return seen.leaf
      ? [
          {
            ...step,
            changes: change(true, 'restore the live folder from certbot’s archive'),
            call: ['certificate_restore', seen.name, seen.state],
          },
        ]
      : [
          {
            ...step,
            changes: change(false, `order for ${domain}${acme.dns ? `, by DNS (${acme.dns.name})` : ''}`),
            call: order(desired, seen),
            // Both take seconds. If the registry does not start, the next run finds the certificate. A registry to adopt is
            // at work, and is stopped only when everything else is there.
            ...(desired.adopt ? { after: 'packages' } : { beside: 'registry' }),
          },
        ]
  },

  explain: orderFailure,
})

/** The call that orders a certificate, by one of the functions that take these arguments. */
export function order(
  { domain, acme }: Pick<Desired, 'domain' | 'acme'>,
  seen: Pick<Lineage, 'name' | 'ipv6' | 'webroot' | 'named' | 'peers'>,
  step: 'certificate_order' | 'renewal_order' = 'certificate_order',
): Call {
  return [
    step,
    orderWords({ domain, acme }, seen.name),
    acme.ca ?? '',
    challengeConf(domain, seen),
    ...(acme.dns ? [acme.dns.credentials ?? '', rehearsal] : []),
  ]
}

/** The order, as `order_words` reads it. */
export function orderWords({ domain, acme }: Pick<Desired, 'domain' | 'acme'>, name: string): string {
  const { server, email, eab, dns } = acme
  return [domain, name, server, email, eab?.kid, eab?.hmac, dns?.name].map(each => each ?? '-').join(' ')
}

/** The program that stands in for an authority in a rehearsal. */
export const rehearsal = library('resources/certificate/rehearsal.py')

/** The credential as `certificate_own` reports it. */
export function credentialSum({ name, credentials }: AcmeDns): string {
  return credentials === undefined
    ? 'absent'
    : `${name === 'hook' ? '700' : '600'} root:root ${createHash('sha256').update(credentials).digest('hex')}`
}

/** Whether a step asks an authority for a certificate. */
export function isOrder({ call: [name] }: Step): boolean {
  return name === 'certificate_order' || name === 'renewal_order'
}

/** Whether a step sets a record in DNS, be it only for a rehearsal. */
export function setsRecord({ acme }: Pick<Desired, 'acme'>, step: Step): boolean {
  return acme.dns !== undefined && (isOrder(step) || step.call[0] === 'dns_renew')
}

/** Whether a certificate is in its last `days`, or in the last third of its life if that is shorter. */
export function due(
  leaf: Pick<X509Certificate, 'validFromDate' | 'validToDate'>,
  days: number,
  now: number,
): boolean {
  const from = leaf.validFromDate.getTime()
  const to = leaf.validToDate.getTime()
  return to - now < Math.min(days * 24 * 60 * 60 * 1000, (to - from) / 3)
}

/** Reads PEM or DER. */
function parse(text: string | Buffer | undefined): X509Certificate | undefined {
  try {
    return text === undefined ? undefined : new X509Certificate(text)
  } catch {
    return undefined
  }
}
