import { createHash } from 'node:crypto'
import type { Desired } from '../desired.ts'

/** What several resources call by name: a registry’s things on a server that may hold several registries. */

/**
 * Who the registry is on the server: a number without a name, whose the images are.
 * systemd's table of UIDs leaves 65520…65533 to nobody, and distroless images use this one for the same.
 */
export const account = '65532:65532'

/** Its containers have this name, a hyphen and the name of their generation. */
export function container(domain: string): string {
  return `berth-${domain.replaceAll('.', '-')}`
}

/** Where nginx reaches the registry, whichever generation serves. */
export function socket({ directory }: Pick<Desired, 'directory'>): string {
  return `${directory}/registry.sock`
}

/** Whom nginx lets in. */
export function htpasswdFile({ directory }: Pick<Desired, 'directory'>): string {
  return `${directory}/htpasswd`
}

/** nginx’s variables are global, and their names must be short. */
export function prefix(domain: string): string {
  return `berth_${createHash('sha256').update(domain).digest('hex').slice(0, 8)}`
}

export function siteFile(domain: string): string {
  return `berth-${domain}.conf`
}

/** The user's own certificate, chain and key in one file. */
export function ownFile(directory: string): string {
  return `${directory}/tls.pem`
}

/** What nginx and the clients get: the chain from the server's own certificate upwards. */
export function chainFile({
  domain,
  directory,
  certificate,
}: Pick<Desired, 'domain' | 'directory' | 'certificate'>): string {
  return certificate ? ownFile(directory) : `/etc/letsencrypt/live/${domain}/fullchain.pem`
}
