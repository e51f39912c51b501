import { isIP } from 'node:net'
import type { Target } from '../desired.ts'
import { asFailure } from '../failure.ts'
import { hostKeyName } from '../server/hostkey.ts'
import {
  foreignLetters,
  type HostLine,
  isHostname,
  isLineOf,
  isUserName,
  parseHost,
  parseKnownHosts,
} from './hosts.ts'
import { isEncrypted, isPlain, repairKey } from './key.ts'
import type { Reader } from './reader.ts'

/** Reads the `ssh-*` inputs and `sudo-password`: how to reach each server. */
export function readTargets(reader: Reader, domain: string): Target[] {
  const port = reader.integer('ssh-port', 1, 65535)
  const user = reader.checked('ssh-user', reader.text('ssh-user') || 'root', isUserName, 'a user name')
  const hosts = readHosts(reader, domain).map(each => ({
    host: each.host,
    port: each.port ?? port,
    user: each.user ?? user,
    address: each.address,
  }))
  for (const what of ['host', 'address'] as const) refuseTwins(reader, hosts, what)
  const jump = reader.checked(
    'ssh-jump',
    reader.text('ssh-jump'),
    value => parseJump(value) !== undefined,
    'user@host or user@host:port',
  )
  const pinned = readKnownHosts(reader, hosts, jump !== '')
  const passphrase = reader.raw('ssh-key-passphrase') || undefined
  const sudoPassword = reader.raw('sudo-password') || undefined
  for (const each of [passphrase, sudoPassword]) if (each !== undefined) reader.secret(each)
  const key = readKey(reader, passphrase)
  return hosts.map(each => ({
    ...each,
    ...{ key, passphrase, plainKey: isPlain(key) },
    ...pinned,
    ...{ jump: parseJump(jump), sudoPassword },
  }))
}

type Host = Pick<Target, 'host' | 'port' | 'user' | 'address'>

function readHosts(reader: Reader, domain: string): HostLine[] {
  const given = reader.text('ssh-host')
  // If the domain is wrong, its own message says so.
  if (given === '') return [{ host: domain, user: undefined, port: undefined, address: domain }]
  const lines = given
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
  return lines.map(line => {
    const foreign = foreignLetters(line)
    if (foreign !== undefined) reader.mistake('ssh-host')(foreign)
    const read = parseHost(line)
    // With one server nobody needs its address. It may be left from when there were several.
    const host =
      read && lines.length === 1 && read.address !== read.host && isIP(read.address) === 0 ? undefined : read
    reader.checked(
      'ssh-host',
      line,
      () => foreign !== undefined || host !== undefined,
      'a host name or an IP address, as `host` or `user@host:port`',
    )
    return host ?? { host: line, user: undefined, port: undefined, address: line }
  })
}

/** A server that is listed twice would wait for its own lock. */
function refuseTwins(reader: Reader, hosts: readonly Host[], what: 'host' | 'address'): void {
  const names = hosts.map(each => (what === 'host' ? hostKeyName(each.host, each.port) : each.address))
  for (const name of new Set(names.filter((each, at) => names.indexOf(each) !== at)))
    if (what === 'host' || !reader.failed('ssh-host')) reader.mistake('ssh-host')(`has ${name} twice`)
}

/** Reads `ssh-known-hosts`, which must have a line for each server. */
function readKnownHosts(
  reader: Reader,
  hosts: readonly Host[],
  jumps: boolean,
): Pick<Target, 'knownHosts' | 'fingerprints'> {
  const mistake = reader.mistake('ssh-known-hosts')
  const { knownHosts, fingerprints } = parseKnownHosts(reader.raw('ssh-known-hosts'), mistake)
  const names = hosts.map(({ host, port }) => hostKeyName(host, port))
  if (reader.text('ssh-known-hosts') === '') {
    mistake(
      `is missing, and an unknown host is never trusted; run \`${scan(hosts)}\` where you trust the network, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on the server, and paste the lines`,
    )
  } else if (hosts.length > 1 && !reader.failed('ssh-host')) {
    for (const [index, name] of names.entries()) {
      const there =
        knownHosts.some(each => isLineOf(each, name)) || fingerprints.some(({ host }) => host === name)
      if (!there)
        mistake(
          `has no line for ${name}, and an unknown host is never trusted; add what \`${scan(hosts.slice(index, index + 1))}\` says, where you trust the network`,
        )
    }
  }
  const [first = ''] = names
  for (const { host, number, fingerprint } of fingerprints) {
    if (host !== undefined || (!jumps && hosts.length === 1)) continue
    const others = hosts.length > 1 ? 'there are several' : 'with `ssh-jump` there are two'
    mistake(
      `line ${number} does not say which host has this key, and ${others}; write \`${first} ${fingerprint}\`, or a known_hosts line`,
    )
  }
  return {
    knownHosts,
    // With one server and no jump host, a fingerprint without a host can only be the server’s.
    fingerprints: fingerprints.map(({ host, fingerprint }) => `${host ?? first} ${fingerprint}`),
  }
}

/** The command that prints the host keys of servers. */
function scan(hosts: readonly Host[]): string {
  const ports = [...new Set(hosts.map(({ port }) => port))]
  return ports
    .map(port => {
      const names = hosts.filter(each => each.port === port).map(({ host }) => host || 'HOST')
      return `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${names.join(' ')}`
    })
    .join('; ')
}

function readKey(reader: Reader, passphrase: string | undefined): string {
  const mistake = reader.mistake('ssh-key')
  if (reader.text('ssh-key') === '') {
    mistake(
      'is missing; give a private key that may log in to the server. Is the secret that it comes from set, and may this workflow read it (a pull request from a fork or Dependabot may not)?',
    )
    return ''
  }
  try {
    const key = repairKey(reader.raw('ssh-key'))
    for (const line of key.split('\n')) if (line !== '' && !line.startsWith('-----')) reader.secret(line)
    if (isEncrypted(key) && passphrase === undefined) {
      reader.mistake('ssh-key-passphrase')('is missing, but `ssh-key` is encrypted')
    }
    return key
  } catch (error) {
    mistake(asFailure(error).message)
    return ''
  }
}

function parseJump(text: string): Target['jump'] {
  const match = /^([A-Za-z_][\w.-]*)@(?:\[([0-9a-fA-F:.]+)\]|([^:@[\]]+))(?::(\d{1,5}))?$/.exec(text)
  if (!match) return undefined
  const [, user = '', ipv6, name, port] = match
  const host = ipv6 ?? name ?? ''
  return isHostname(host) || isIP(host) !== 0 ? { user, host, port: Number(port ?? 22) } : undefined
}
