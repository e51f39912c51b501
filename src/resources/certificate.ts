import { X509Certificate } from 'node:crypto'
import { change, type Resource } from '../resource.ts'
import { challengeConf, siteFile } from './site.ts'

interface Certificate {
  /** The first of the chain that certbot keeps for the domain, if there is one that can be read. */
  leaf: X509Certificate | undefined
  /** URL of the ACME directory that it came from, as certbot noted it. */
  server: string
  ipv6: boolean
}

/** The certificate, by certbot through nginx's own port 80. */
export const certificate: Resource<Certificate> = {
  name: 'certificate',

  probe: ({ domain }) => [['certificate_probe', domain]],

  read: facts => ({
    leaf: parse(facts.file('certificate.chain')?.content),
    server: facts.get('certificate.server'),
    ipv6: facts.is('certificate.ipv6'),
  }),

  plan({ domain, directory, acme, renewBefore }, { leaf, server, ipv6 }) {
    const reason = !leaf
      ? `order for ${domain}`
      : server !== acme.server
        ? `order from ${acme.server}, for it came from ${server}`
        : !leaf.checkHost(domain)
          ? `order anew, for it does not cover ${domain}`
          : due(leaf, renewBefore, Date.now())
            ? `renew, for it is valid until ${leaf.validToDate.toISOString()} only`
            : undefined
    if (reason === undefined) return []
    const trust = acme.ca === undefined ? '' : `${directory}/ca-bundle.crt`
    return [
      {
        resource: 'certificate',
        changes: change(leaf !== undefined, reason),
        call: [
          'certificate_issue',
          domain,
          acme.email ?? '',
          acme.server,
          trust,
          challengeConf(domain, ipv6),
          siteFile(domain),
        ],
      },
    ]
  },
}

/** In the last `days` of its life, or in the last third if it does not live that long. */
export function due(leaf: X509Certificate, days: number, now: number): boolean {
  const from = leaf.validFromDate.getTime()
  const to = leaf.validToDate.getTime()
  return to - now < Math.min(days * 24 * 60 * 60 * 1000, (to - from) / 3)
}

function parse(pem: string | undefined): X509Certificate | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem)
  } catch {
    return undefined
  }
}
