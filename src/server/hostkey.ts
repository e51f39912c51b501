import { createHash } from 'node:crypto'

/** A host as known_hosts and ssh write it: in lower case, and with its port, unless that is 22. */
export function hostKeyName(host: string, port: number): string {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

/** `SHA256:…` of the key in a known_hosts line, as OpenSSH prints it. */
export function fingerprint(line: string): string | undefined {
  const key = /\s(AAAA[A-Za-z0-9+/]+=*)/.exec(line)?.[1]
  return (
    key &&
    `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`
  )
}
