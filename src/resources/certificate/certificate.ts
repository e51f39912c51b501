import { createHash, X509Certificate } from 'node:crypto'
import type { Desired } from '../../desired.ts'
import { Failure } from '../../failure.ts'
import type { Facts, ServerFile } from '../../server/facts.ts'
import type { Call } from '../../shell.ts'
import { siteFile } from '../names.ts'
import { change, resource, type Step } from '../resource.ts'
import { challengeConf } from '../site/nginx.ts'
import { orderFailure } from './failure.ts'

/** What the server has of a certificate for the domain. */
export interface Lineage {
  /** Of certbot's live folder: `whole`, the version in its archive to make it from again, or `lost`. */
  state: string
  /** The first certificate of that chain, if it can be read. */
  leaf: X509Certificate | undefined
  /** certbot's settings for renewing it. */
  conf: ServerFile | undefined
  /** `SERVER EMAIL`: what the authority was last told. */
  contact: ServerFile | undefined
  /** `MODE OWNER SHA256` of the user's own certificate and key; `absent`. */
  own: string
  /** The certificate that port 443 shows; `undefined` if nobody answers. */
  served: X509Certificate | undefined
  ipv6: boolean
  /** The server's own addresses. */
  addresses: string[]
  /** `right`, or the date that the server believes in. */
  clock: string
}

export function readLineage(facts: Facts): Lineage {
  return {
    state: facts.get('certificate.lineage'),
    leaf: parse(facts.file('certificate.chain')?.content),
    conf: facts.file('certificate.conf'),
    contact: facts.file('certificate.contact'),
    own: facts.get('certificate.own'),
    served: parse(Buffer.from(facts.get('certificate.served'), 'base64')),
    ipv6: facts.is('certificate.ipv6'),
    addresses: facts.get('certificate.addresses').split(' ').filter(Boolean),
    clock: facts.get('certificate.clock'),
  }
}

/** That there is a certificate which nginx can load. That it is the right one, and stays so, is up to `renewal`. */
export const certificate = resource<Lineage>({
  name: 'certificate',

  libraries: ['certificate', 'order'],

  probe: ({ domain, directory }) => [
    ['certificate_probe', domain, directory, String(Math.floor(Date.now() / 1000))],
  ],

  read: readLineage,

  failures: (_, { clock }) =>
    clock === 'right'
      ? []
      : [
          new Failure(
            'clock',
            `the server’s clock shows ${clock}, more than a day off, and no certificate would be valid there; set it, for instance with \`timedatectl set-ntp true\`, and run again`,
          ),
        ],

  steps(desired, seen) {
    const { domain, directory, certificate } = desired
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
            call: ['certificate_restore', domain, seen.state],
          },
        ]
      : [
          {
            ...step,
            changes: change(false, `order for ${domain}`),
            call: order(desired, seen),
            // Both take seconds. If the registry does not start, the certificate is there for the run that mends it.
            beside: 'registry',
          },
        ]
  },

  explain: orderFailure,
})

/** The call that orders a certificate, by any of the functions that take these arguments. */
export function order(
  { domain, acme }: Pick<Desired, 'domain' | 'acme'>,
  { ipv6 }: Pick<Lineage, 'ipv6'>,
  name: 'certificate_order' | 'renewal_order' = 'certificate_order',
): Call {
  return [
    name,
    domain,
    acme.server,
    [acme.email, acme.eab?.kid, acme.eab?.hmac].map(each => each ?? '-').join(' '),
    acme.ca ?? '',
    challengeConf(domain, ipv6),
  ]
}

/** Whether a step asks an authority for a certificate. */
export function isOrder({ call: [name] }: Step): boolean {
  return name === 'certificate_order' || name === 'renewal_order'
}

/** In the last `days` of its life, or in the last third if it does not live that long. */
export function due(
  leaf: Pick<X509Certificate, 'validFromDate' | 'validToDate'>,
  days: number,
  now: number,
): boolean {
  const from = leaf.validFromDate.getTime()
  const to = leaf.validToDate.getTime()
  return to - now < Math.min(days * 24 * 60 * 60 * 1000, (to - from) / 3)
}

/** From PEM or DER. */
function parse(text: string | Buffer | undefined): X509Certificate | undefined {
  try {
    return text === undefined ? undefined : new X509Certificate(text)
  } catch {
    return undefined
  }
}
