import { createHash } from 'node:crypto'

/** Splits `ssh-known-hosts` into known_hosts lines and `SHA256:…` fingerprints; `problem` hears of every other line. */
export function parseKnownHosts(
  text: string,
  problem: (message: string) => void,
): { knownHosts: string[]; fingerprints: string[] } {
  const knownHosts: string[] = []
  const fingerprints: string[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const fingerprint = /(?:^|\s)(SHA256:[A-Za-z0-9+/]{43})=?(?:\s|$)/.exec(line)?.[1]
    if (fingerprint) fingerprints.push(fingerprint)
    else if (/^(@\S+\s+)?\S+\s+(ssh|ecdsa|sk)-\S+\s+AAAA[A-Za-z0-9+/]+=*(\s.*)?$/.test(line))
      knownHosts.push(line)
    else {
      problem(
        /^(ssh|ecdsa|sk)-\S+\s+AAAA/.test(line)
          ? `line ${index + 1} lacks the host’s name before the key`
          : `line ${index + 1} is neither a known_hosts line nor a SHA256: fingerprint`,
      )
    }
  }
  return { knownHosts, fingerprints }
}

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

export function isHostname(text: string): boolean {
  return text.length <= 253 && text.split('.').every(part => label.test(part.toLowerCase()))
}

/** A host as known_hosts and ssh-keyscan write it: with its port, unless that is SSH's own. */
export function hostKeyName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`
}

/** `SHA256:…` of the key in a known_hosts line, as OpenSSH prints it. */
export function fingerprint(line: string): string | undefined {
  const key = /\s(AAAA[A-Za-z0-9+/]+=*)/.exec(line)?.[1]
  return (
    key &&
    `SHA256:${createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')}`
  )
}
