/** Splits `ssh-known-hosts` into known_hosts lines and `SHA256:…` fingerprints; `mistake` hears of every other line. */
export function parseKnownHosts(
  text: string,
  mistake: (message: string) => void,
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
      mistake(
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
