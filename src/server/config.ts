import type { Target } from '../desired.ts'
import { hostKeyName } from './hostkey.ts'
import { marker } from './protocol.ts'

/** The files that `ssh -F config` needs in its folder, by name. `unpinned` has the types of host keys that ssh must not accept. */
export function files(
  target: Target,
  unpinned: ReadonlyMap<string, readonly string[]>,
): Record<string, string> {
  const { jump } = target
  const avoid = (host: string, port: number) => {
    const patterns = unpinned.get(hostKeyName(host, port))
    return patterns ? `\n  HostKeyAlgorithms -${patterns.join(',')}` : ''
  }
  return {
    key: target.key,
    known_hosts: target.knownHosts.map(line => `${line}\n`).join(''),
    fingerprints: target.fingerprints.map(line => `${line}\n`).join(''),
    passphrase: `${target.passphrase ?? ''}\n`,
    // OpenSSH asks this program instead of a terminal.
    askpass: '#!/bin/sh\nexec cat passphrase\n',
    // Called with a host, its key's type, its fingerprint and the key; prints a known_hosts line if the key is pinned.
    // ssh itself does not say what it was offered if it knows no key of that type.
    pinned: `[ "$4" != NONE ] || exit 0
if [ -s fingerprints ] && grep -qxF -e "$1 $3" fingerprints; then printf '%s %s %s\\n' "$1" "$2" "$4"; fi
printf '${marker('offered', '%s %s %s')}\\n' "$1" "$2" "$4" >&2
`,
    config: `Host server
  HostName ${target.host}
  Port ${target.port}
  User ${target.user}${avoid(target.host, target.port)}
  ControlPath control
  PermitLocalCommand yes
  LocalCommand echo ${marker('connected')} >&2
${
  jump
    ? `  ProxyJump jump
Host jump
  HostName ${jump.host}
  Port ${jump.port}
  User ${jump.user}${avoid(jump.host, jump.port)}
`
    : ''
}Host *
  IdentityFile key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile known_hosts
  GlobalKnownHostsFile /dev/null
  # OpenSSH before 8.5 hasn't got it and can do without: it then knows lines, not fingerprints.
  IgnoreUnknown KnownHostsCommand
  KnownHostsCommand /bin/sh pinned %H %t %f %K
  StrictHostKeyChecking yes
  # Where images go through it: it costs two thirds of the CPU time of what OpenSSH likes best.
  Ciphers ^aes128-gcm@openssh.com
  CheckHostIP no
  UpdateHostKeys no
  PreferredAuthentications publickey
  NumberOfPasswordPrompts 1
  ConnectTimeout 20
  ServerAliveInterval 15
  ServerAliveCountMax 4
  ForwardAgent no
  ForwardX11 no
`,
  }
}

// The first line of input is the password. If sudo does not ask for one, it would pass it on to the script, so first this finds out
// whether it asks. The password is tried without the script, because sudo would take its lines for further attempts. An old sudo-rs
// (0.2.5) reads up to 8 KiB for the password and loses what follows, so it gets empty lines.
export const asRoot = [
  'LC_ALL=C; export LC_ALL',
  'IFS= read -r password || exit 1',
  'if [ -z "$password" ] || sudo -n sh -s </dev/null 2>/dev/null; then exec sudo -n sh -s; fi',
  'printf "%s\\n" "$password" | sudo -k -S -p "" sh -s || exit 1',
  '{ printf "%s\\n" "$password"; printf "%32768s" "" | tr " " "\\n"; cat; } | sudo -k -S -p "" sh -s',
].join('; ')
