import { isIP } from 'node:net'
import type { Target } from '../desired.ts'
import { hostKeyName } from '../server/hostkey.ts'
import { isHostname, parseKnownHosts } from './hosts.ts'
import { isEncrypted, isPlain, repairKey } from './key.ts'
import type { Reader } from './reader.ts'

/** Reads the `ssh-*` inputs and `sudo-password`. */
export function readTarget(reader: Reader, domain: string): Target {
  const host = reader.checked(
    'ssh-host',
    reader.text('ssh-host').replace(/^\[(.*)\]$/, '$1') || domain,
    value => isHostname(value) || isIP(value) !== 0,
    'a host name or an IP address',
  )
  const port = reader.integer('ssh-port', 1, 65535)
  const { knownHosts, fingerprints } = parseKnownHosts(
    reader.raw('ssh-known-hosts'),
    reader.mistake('ssh-known-hosts'),
  )
  if (reader.text('ssh-known-hosts') === '') {
    const scan = `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${host || 'HOST'}`
    reader.mistake('ssh-known-hosts')(
      `is missing, and an unknown host is never trusted; run \`${scan}\` where you trust the network, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on the server, and paste the lines`,
    )
  }
  const jump = reader.checked(
    'ssh-jump',
    reader.text('ssh-jump'),
    value => parseJump(value) !== undefined,
    'user@host or user@host:port',
  )
  const unbound = jump === '' ? [] : fingerprints.filter(each => each.host === undefined)
  for (const { fingerprint, number } of unbound) {
    reader.mistake('ssh-known-hosts')(
      `line ${number} does not say which host has this key, and with \`ssh-jump\` there are two; write \`${host} ${fingerprint}\`, or a known_hosts line`,
    )
  }
  const isUser = (value: string) => /^[A-Za-z_][\w.-]*$/.test(value)
  const user = reader.checked('ssh-user', reader.text('ssh-user') || 'root', isUser, 'a user name')
  const passphrase = reader.raw('ssh-key-passphrase') || undefined
  const sudoPassword = reader.raw('sudo-password') || undefined
  for (const each of [passphrase, sudoPassword]) if (each !== undefined) reader.secret(each)
  const key = readKey(reader, passphrase)
  const own = hostKeyName(host, port)
  return {
    ...{ host, port, user, key, passphrase, plainKey: isPlain(key) },
    knownHosts,
    // Without a jump host there is one host only that it can be for.
    fingerprints: fingerprints.map(each => `${each.host ?? own} ${each.fingerprint}`),
    ...{ jump: parseJump(jump), sudoPassword },
  }
}

function readKey(reader: Reader, passphrase: string | undefined): string {
  const mistake = reader.mistake('ssh-key')
  if (reader.text('ssh-key') === '') {
    mistake(
      'is missing; give a private key that may log in to the server. Is the secret that it comes from set, and may this workflow read it (a pull request from a fork may not)?',
    )
    return ''
  }
  try {
    const key = repairKey(reader.raw('ssh-key'))
    for (const line of key.split('\n')) if (line !== '' && !line.startsWith('-----')) reader.secret(line)
    if (isEncrypted(key) && passphrase === undefined) {
      reader.mistake('ssh-key-passphrase')('is missing, and `ssh-key` is encrypted')
    }
    return key
  } catch (error) {
    mistake((error as Error).message)
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
