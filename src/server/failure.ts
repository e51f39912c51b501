import type { Target } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import type { Result } from '../runner/process.ts'
import { fingerprint, hostKeyName } from './hostkey.ts'
import { isMarker, lastMarker, marker } from './protocol.ts'

/** Why OpenSSH can't use the private key, and what to do, in a sentence. */
export function keyFailure(stderr: string, { passphrase }: Target): Failure {
  if (!/incorrect passphrase/.test(stderr)) {
    return new Failure(
      'key',
      `\`ssh-key\` can’t be read by OpenSSH (${lastLine(stderr)}); paste the whole file again`,
    )
  }
  return new Failure(
    'key',
    passphrase === undefined
      ? '`ssh-key` is encrypted; give its passphrase as `ssh-key-passphrase`'
      : '`ssh-key-passphrase` does not open `ssh-key`; give the right one, or a key without a passphrase',
  )
}

/** Why there is no connection, and what to do, in a sentence. */
export function connectFailure(stderr: string, target: Target): Failure {
  const { jump } = target
  const server = place(target)
  const between = jump ? `the jump host ${place(jump)}` : server
  const find = (pattern: RegExp) => pattern.exec(stderr)
  const found = (host: string) =>
    jump?.host === host && (target.host !== host || !find(/^channel 0: open failed/m)) ? between : server
  const unreachable = (sentence: string) => new Failure('connection', sentence)

  const key = offeredKey(stderr)
  if (key !== undefined) return new Failure('hostKey', strangeKey(key, target))
  const denied = find(/^(\S+)@(\S+): Permission denied \(([^)]*)\)/m)
  if (denied) {
    const [, user = '', host = '', methods = ''] = denied
    return new Failure(
      'login',
      /publickey/.test(methods)
        ? `${found(host)} does not let \`${user}\` in with this key; add its public half to ~${user}/.ssh/authorized_keys there, or change \`ssh-user\` or \`ssh-key\`${user === 'root' ? ' (its sshd may refuse root altogether: `PermitRootLogin`)' : ''}`
        : `${found(host)} takes no keys from \`${user}\`, or wants more than a key (${methods}); let sshd accept a key alone there: \`PubkeyAuthentication yes\`, and for this user no second factor in \`AuthenticationMethods\``,
    )
  }
  const unknown = find(/Could not resolve hostname (\S+?):/)?.[1]
  if (unknown !== undefined) {
    return unreachable(
      `the name ${unknown} does not resolve; add its DNS record, or correct ${unknown === jump?.host ? '`ssh-jump`' : '`ssh-host`'}`,
    )
  }
  const [, host, reason = ''] = find(/^ssh: connect to host (\S+) port \d+: (.*)$/m) ?? []
  if (host !== undefined) {
    const input = found(host) === server ? '`ssh-port`' : '`ssh-jump`'
    return unreachable(
      /refused/.test(reason)
        ? `nothing listens for SSH at ${found(host)}; is sshd running there, and is ${input} right?`
        : `${found(host)} does not answer (${reason.trim()}); is the machine up, and does its firewall let SSH in from here?`,
    )
  }
  const forwarding = find(/^channel 0: open failed: (.*)$/m)?.[1]
  if (forwarding !== undefined) {
    return unreachable(
      `${between} can’t reach ${server} (${forwarding.trim()}); does it know the name, does it allow forwarding, and is \`ssh-port\` right?`,
    )
  }
  if (find(/Their offer: /)) {
    return unreachable(
      `this runner’s OpenSSH and ${server} have no algorithm in common (${lastLine(stderr)}); update the older of the two`,
    )
  }
  // A host that showed a key does speak SSH.
  const [shown] = lastMarker(stderr, 'offered')?.split(' ') ?? []
  if (shown === hostKeyName(target.host, target.port) && find(/Connection (closed|reset)/)) {
    return new Failure(
      'login',
      `${server} closed the connection while \`${target.user}\` logged in; ${hungUp(target)}`,
    )
  }
  if (jump && find(/timed out|Connection (closed|reset)/)) {
    return unreachable(
      `${server} can’t be reached through ${between} (${firstLine(stderr)}); are both up, and may the jump host connect to the server?`,
    )
  }
  if (find(/timed out|Connection (closed|reset)/)) {
    return unreachable(
      `${server} accepts the connection but does not speak SSH; is \`ssh-port\` right, and does its sshd accept connections from here?`,
    )
  }
  return unreachable(
    `there is no connection to ${server} (${lastLine(stderr)}); try \`ssh -v\` from a machine of your own`,
  )
}

/**
 * Why a script did not run as root, or lost its connection, and what to do, in a sentence; `undefined` if the script itself ended.
 * Every script prints a line of the protocol as soon as it begins.
 */
export function runFailure({ code, stdout, stderr }: Result, target: Target): Failure | undefined {
  const ran = stdout.split('\n').some(isMarker)
  // ssh's own code: the connection was lost.
  const { user } = target
  if (code === 255) {
    return ran || user !== 'root'
      ? new Failure(
          'connectionLost',
          `the connection to ${place(target)} was lost${ran ? ' halfway' : ''}; run the workflow again, which continues from there`,
        )
      : new Failure(
          'login',
          `${place(target)} let the key in and closed the connection before anything ran; ${hungUp(target)}`,
        )
  }
  if (ran) return undefined
  const noRoot = user === 'root' ? undefined : rootFailure(stderr, target)
  if (noRoot) return new Failure('sudo', noRoot)
  const words = [...stdout.split('\n'), ...stderr.split('\n').slice(letIn(stderr))].filter(isWord).at(-1)
  return new Failure(
    'login',
    `${place(target)} lets \`${user}\` in, and runs no commands for this user${words === undefined ? '' : ` (“${words.trim()}”)`}; give the user a shell and a key without a forced command, or change \`ssh-user\``,
  )
}

/** The known_hosts line of the host key that ssh refused; `undefined` if it failed for another reason. */
export function offeredKey(stderr: string): string | undefined {
  if (!/^Host key verification failed/m.test(stderr)) return undefined
  return lastMarker(stderr, 'offered')
}

function strangeKey(key: string, { fingerprints, knownHosts }: Target): string {
  const [host = ''] = key.split(' ')
  const lines = knownHosts.filter(line => line.toLowerCase().split(/[\s,]/).includes(host))
  // Nobody can tell which host a hashed line is for, or a fingerprint without a host.
  const own = fingerprints.flatMap(each => (each.startsWith(`${host} `) ? [each.slice(host.length + 1)] : []))
  const pinned = [...(lines.length > 0 ? lines : knownHosts).map(fingerprint), ...own]
  const offered = fingerprint(key)
  if (pinned.includes(offered)) {
    return `\`ssh-known-hosts\` has the host key of ${host} under another name; add the line \`${key}\``
  }
  const known =
    pinned.length === 0
      ? 'none is pinned for it'
      : `pinned ${pinned.length === 1 ? 'is' : 'are'} ${pinned.join(', ')}`
  return `the host key of ${host} is not the one in \`ssh-known-hosts\`: it offers ${offered}, ${known}. If that machine was reinstalled, compare with \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` on it and change \`ssh-known-hosts\`; if not, somebody may be intercepting the connection`
}

// It is a race whether sshd hangs up before or after it accepts root's key, so both have the same message.
function hungUp({ user }: Target): string {
  const where =
    user === 'root'
      ? 'look at `PermitRootLogin` in its sshd’s settings: with `forced-commands-only` the key needs a forced command'
      : 'look at its sshd’s log (`journalctl -u ssh -n 20`)'
  return `run the workflow again, and if it says the same, ${where}`
}

function rootFailure(stderr: string, { user, sudoPassword }: Target): string | undefined {
  const said = (pattern: RegExp) => pattern.test(stderr)
  if (said(/not in the sudoers file|not allowed to (execute|run)|I'm afraid I can't do that/)) {
    return `\`${user}\` may not become root with sudo; add the user to the sudo group, or change \`ssh-user\``
  }
  if (said(/sudo: .*not found/)) return 'the server has no sudo; install it, or set `ssh-user: root`'
  if (said(/must have a tty/)) {
    return `sudo wants a terminal from \`${user}\`; take \`requiretty\` out of the server’s sudoers`
  }
  if (
    sudoPassword !== undefined &&
    said(/incorrect password|incorrect authentication|[Aa]uthentication failed/)
  ) {
    return `sudo does not accept \`sudo-password\` from \`${user}\`; correct it, or let the user become root without one`
  }
  if (said(/password is required|authentication is required/)) {
    return `sudo asks \`${user}\` for a password; give it as \`sudo-password\`, or let the user become root without one`
  }
  const reason = /^sudo(?:-rs)?: (.*)$/m.exec(stderr)?.[1]
  return reason && `\`${user}\` can’t become root: sudo says “${reason}”`
}

function place({ host, port }: { host: string; port: number }): string {
  return port === 22 ? host : `${host} port ${port}`
}

// ssh first says what happened, then what follows from it.
function firstLine(text: string): string {
  return lastLine(text.split('\n').find(isWord) ?? '')
}

// The banner comes first, and says nothing about the command.
function letIn(stderr: string): number {
  return stderr.split('\n').indexOf(marker('connected')) + 1
}

// Not one of our own lines.
function isWord(line: string): boolean {
  return line.trim() !== '' && !isMarker(line)
}

/** Seconds that a run waits for another one on the same server. */
export const lockSeconds = 900

/** Another run has kept the lock on the server for as long as this one could wait. */
export function busyFailure(seconds: string | number): Failure {
  return new Failure(
    'busy',
    `another run of Berth has been at work on this server for ${seconds} s; wait for it and run again`,
  )
}
