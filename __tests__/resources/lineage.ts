import { X509Certificate } from 'node:crypto'
import type { Desired } from '../../src/desired.ts'
import type { Lineage } from '../../src/resources/certificate/certificate.ts'
import { selfSigned } from '../pem.ts'

/** A certificate that is as it should be, and what is wanted. */
export const domain = 'registry.example.com'
export const server = 'https://acme.example.com/dir'

export const desired = {
  domain,
  directory: '/opt/berth',
  acme: { server, email: undefined, ca: undefined, eab: { kid: 'kid', hmac: 'hmac' } },
  certificate: undefined,
  renewBefore: 30,
} as unknown as Desired

/** For 90 days from now. */
export const certificateOf = (name: string) => new X509Certificate(selfSigned(name).cert)

export const leaf = certificateOf(domain)

/** certbot’s settings for renewing it. */
export const conf = `version = 4.0.0
archive_dir = /etc/letsencrypt/archive/${domain}
cert = /etc/letsencrypt/live/${domain}/cert.pem
privkey = /etc/letsencrypt/live/${domain}/privkey.pem
chain = /etc/letsencrypt/live/${domain}/chain.pem
fullchain = /etc/letsencrypt/live/${domain}/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = 0123456789abcdef
authenticator = webroot
webroot_path = /var/www/berth,
server = ${server}
key_type = ecdsa
[[webroot_map]]
${domain} = /var/www/berth
`

export const file = (content: string) => ({ content, mode: '644', owner: 'root:root' })

export const well: Lineage = {
  name: domain,
  state: 'whole',
  leaf,
  conf: file(conf),
  contact: undefined,
  own: 'absent',
  credential: 'absent',
  served: leaf,
  ipv6: true,
  addresses: ['192.0.2.7'],
  webroot: undefined,
  named: [],
  peers: [],
  clock: 'right',
}
