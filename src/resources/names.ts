import { createHash } from 'node:crypto'
import type { Desired } from '../desired.ts'

/** Names that several resources use. A server may have several registries, so most contain the domain or the directory. */

/**
 * The registry's account on the server, which owns the images: a UID and GID without a name.
 * systemd's table of UIDs leaves 65520…65533 to nobody, and distroless images use this one for the same.
 */
export const account = '65532:65532'

/** The name of its containers, which a hyphen and the name of their generation follow. */
export function container(domain: string): string {
  return `berth-${domain.replaceAll('.', '-')}`
}

/** The socket at which nginx reaches the registry, whichever generation serves. */
export function socket({ directory }: Pick<Desired, 'directory'>): string {
  return `${directory}/registry.sock`
}

/** The users whom nginx lets in. */
export function htpasswdFile({ directory }: Pick<Desired, 'directory'>): string {
  return `${directory}/htpasswd`
}

/**
 * What the names of nginx’s variables begin with, which are global. It must be short: since nginx 1.30 `nginx -t` warns if
 * two long ones come to lie in one bucket of 64 bytes, which depends on the domain.
 */
export function prefix(domain: string): string {
  return `b${createHash('sha256').update(domain).digest('hex').slice(0, 6)}`
}

export function siteFile(domain: string): string {
  return `berth-${domain}.conf`
}

/** The user's own certificate, chain and key in one file. */
export function ownFile(directory: string): string {
  return `${directory}/tls.pem`
}

/** The file that sets a record in DNS for an authority: the credential for certbot’s plugin, or the user’s own script. */
export function credentialFile(domain: string): string {
  return `/etc/letsencrypt/berth/dns/${domain}`
}

/** Where certbot puts the authority's challenge. */
export const berthWebroot = '/var/www/berth'

/** The file with the chain that nginx serves, from the server's own certificate upwards. `lineage` is certbot’s name for it. */
export function chainFile(
  { directory, certificate }: Pick<Desired, 'directory' | 'certificate'>,
  lineage: string,
): string {
  return certificate ? ownFile(directory) : `/etc/letsencrypt/live/${lineage}/fullchain.pem`
}
