/** A fingerprint in `ssh-known-hosts`, and the host that it is for, if the line says so. */
interface Fingerprint {
  /** As known_hosts has it: with its port, unless that is SSH’s own. */
  host: string | undefined
  fingerprint: string
  /** Of the line. */
  number: number
}

/** Splits `ssh-known-hosts` into known_hosts lines and `SHA256:…` fingerprints; `mistake` hears of every other line. */
export function parseKnownHosts(
  text: string,
  mistake: (message: string) => void,
): { knownHosts: string[]; fingerprints: Fingerprint[] } {
  const knownHosts: string[] = []
  const fingerprints: Fingerprint[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    const number = index + 1
    if (line === '' || line.startsWith('#')) continue
    const [, before = '', fingerprint] = /^(.*?)(?:^|\s)(SHA256:[A-Za-z0-9+/]{43})=?(?:\s|$)/.exec(line) ?? []
    // `ssh-keygen -l` puts the key's bits before the fingerprint.
    if (fingerprint)
      fingerprints.push({ host: /^\d*$/.test(before) ? undefined : before, fingerprint, number })
    else if (/^(@\S+\s+)?\S+\s+(ssh|ecdsa|sk)-\S+\s+AAAA[A-Za-z0-9+/]+=*(\s.*)?$/.test(line))
      knownHosts.push(line)
    else {
      mistake(
        /^(ssh|ecdsa|sk)-\S+\s+AAAA/.test(line)
          ? `line ${number} lacks the host’s name before the key`
          : `line ${number} is neither a known_hosts line nor a SHA256: fingerprint`,
      )
    }
  }
  return { knownHosts, fingerprints }
}

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

export function isHostname(text: string): boolean {
  return text.length <= 253 && text.split('.').every(part => label.test(part.toLowerCase()))
}
