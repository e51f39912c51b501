import type { Target } from './desired.ts'
import { fingerprint } from './inputs/hosts.ts'

/**
 * Why a server could not be reached or did not let us become root, and what to do, in a sentence; `undefined` if it
 * did, and the script itself failed.
 */
export function explain(code: number, stderr: string, target: Target): string | undefined {
  // What ssh itself has to say ends with 255; anything else is the exit code of what ran over there.
  return code === 255 ? (ssh(stderr, target) ?? lastWords(stderr, target)) : sudo(stderr, target)
}

function ssh(
  stderr: string,
  { host, port, user, passphrase, fingerprints, knownHosts }: Target,
): string | undefined {
  const at = port === 22 ? host : `${host} port ${port}`
  const offered = /SHA256:[A-Za-z0-9+/]{43}/.exec(stderr)?.[0]
  if (/incorrect passphrase/.test(stderr)) {
    return passphrase === undefined
      ? '`ssh-key` is encrypted: give its passphrase as `ssh-key-passphrase`'
      : '`ssh-key-passphrase` does not open `ssh-key`; give the right one, or a key without a passphrase'
  }
  if (/error in libcrypto|invalid format/.test(stderr))
    return '`ssh-key` can’t be read by OpenSSH; paste the whole file again'
  if (/HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key is known/.test(stderr)) {
    const pinned = [...fingerprints, ...knownHosts.map(fingerprint)].filter(each => each !== undefined)
    return `the host key of ${at} is not the one in \`ssh-known-hosts\`: the server offers ${offered ?? 'another one'}, pinned ${pinned.length === 1 ? 'is' : 'are'} ${pinned.join(', ') || 'none'}. If the server was set up anew, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on it and change \`ssh-known-hosts\`; if not, somebody may be in between`
  }
  if (/Permission denied|Too many authentication failures/.test(stderr)) {
    return `${at} does not let \`${user}\` in with this key; add its public half to ~${user}/.ssh/authorized_keys there, or change \`ssh-user\` or \`ssh-key\``
  }
  if (/Could not resolve hostname/.test(stderr))
    return `the name ${host} does not resolve; add its DNS record, or set \`ssh-host\``
  if (/Connection refused/.test(stderr)) {
    return `nothing listens for SSH at ${at}; is sshd running there, and is \`ssh-port\` right?`
  }
  if (/banner exchange|kex_exchange_identification|Connection (closed|reset) by/.test(stderr)) {
    return `${at} took the connection and then did not speak SSH; is \`ssh-port\` right, and does its sshd accept connections from here?`
  }
  if (/timed out|No route to host|Network is unreachable/.test(stderr)) {
    return `${at} does not answer; is the server up, and does its firewall let SSH in from here?`
  }
  return undefined
}

function sudo(stderr: string, { user }: Target): string | undefined {
  if (/sudo: (a password is required|no password was provided)/.test(stderr)) {
    return `sudo asks \`${user}\` for a password; give it as \`sudo-password\`, or let the user become root without one`
  }
  if (/incorrect password attempt|Sorry, try again/.test(stderr))
    return `sudo refused \`sudo-password\` for \`${user}\``
  if (/is not in the sudoers file|not allowed to (execute|run)/.test(stderr)) {
    return `\`${user}\` may not become root with sudo; add the user to the group sudo, or change \`ssh-user\``
  }
  if (/sudo: (command )?not found/.test(stderr))
    return 'the server has no sudo; install it, or set `ssh-user: root`'
  return undefined
}

function lastWords(stderr: string, { host }: Target): string {
  return `the connection to ${host} failed: ${stderr.trim().split('\n').at(-1) ?? 'ssh said nothing'}`
}
