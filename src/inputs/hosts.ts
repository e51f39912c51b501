import { createHmac } from 'node:crypto'
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'

/** A fingerprint in `ssh-known-hosts`, and the host that it is for, if the line says so. */
interface Fingerprint {
  /** As ssh writes it: in lower case, and with its port, unless that is 22. */
  host: string | undefined
  fingerprint: string
  /** The number of the line. */
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
    // `ssh-keygen -l` prints the key's length before the fingerprint.
    if (fingerprint)
      fingerprints.push({
        host: /^\d*$/.test(before) ? undefined : before.toLowerCase(),
        fingerprint,
        number,
      })
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

/**
 * What is wrong with a name that has letters which DNS does not know, and how DNS writes it; `undefined` if nothing is.
 */
export function foreignLetters(name: string): string | undefined {
  if (!/[^\0-\x7f]/.test(name)) return undefined
  const ascii = domainToASCII(name)
  return isHostname(ascii)
    ? `${JSON.stringify(name)} has letters that DNS does not allow; write ${ascii}`
    : undefined
}

/** A line of `ssh-host`. */
export interface HostLine {
  /** `undefined` where `ssh-user` and `ssh-port` apply. */
  user: string | undefined
  host: string
  port: number | undefined
  /** The name or IP address at which the other servers reach it. */
  address: string
}

/** Reads `[user@]host[:port] [address]`; `undefined` if it is something else. */
export function parseHost(line: string): HostLine | undefined {
  const [ssh = '', address, ...rest] = line.split(/\s+/)
  const match = isIPv6(ssh)
    ? [ssh, undefined, undefined, ssh, undefined]
    : /^(?:([^@]+)@)?(?:\[([0-9a-fA-F:.]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(ssh)
  if (!match || rest.length > 0) return undefined
  const [, user, ipv6, name, digits] = match
  const host = ipv6 ?? name ?? ''
  const port = digits === undefined ? undefined : Number(digits)
  const good =
    (user === undefined || isUserName(user)) &&
    [host, address ?? host].every(isHost) &&
    (port === undefined || (port > 0 && port < 65_536))
  return good ? { user, host, port, address: address ?? host } : undefined
}

/** Node takes 7 ms to compile its pattern for IPv6 addresses. ssh would have to wait, so a name is not compared with it. */
function isIPv6(text: string): boolean {
  return /:.*:/.test(text) && isIP(text) === 6
}

function isHost(text: string): boolean {
  return isHostname(text) || isIP(text) !== 0
}

export function isUserName(text: string): boolean {
  return /^[A-Za-z_][\w.-]*$/.test(text)
}

/** Whether a known_hosts line is for a host, whose name is written as in known_hosts. */
export function isLineOf(line: string, host: string): boolean {
  const [first = '', second = ''] = line.split(/\s+/)
  const names = first.startsWith('@') ? second : first
  const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(names) ?? []
  if (salt !== undefined)
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(host).digest('base64') === hash
  return names.split(',').some(pattern => wildcard(pattern).test(host))
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[\\^$.+()|[\]{}]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i')
}
