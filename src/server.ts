import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exec } from '@actions/exec'
import type { Target } from './desired.ts'
import { explain } from './refusal.ts'
import { quote } from './script.ts'

/**
 * The server, over one SSH connection that all commands share.
 *
 * OpenSSH finds the home folder in the password database, not in $HOME, so every path is given and nothing of the
 * machine's own configuration, agent or known hosts is used.
 */
export class Server {
  readonly #target: Target
  readonly #folder: string
  readonly #debug: (text: string) => void

  /** Writes what OpenSSH needs below `folder`, which must be readable by nobody else and not outlive the step. */
  constructor(target: Target, folder: string, debug: (text: string) => void) {
    this.#target = target
    this.#folder = folder
    this.#debug = debug
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const [name, content] of Object.entries(files(target, folder))) {
      writeFileSync(join(folder, name), content, { mode: name === 'askpass' ? 0o700 : 0o600 })
    }
  }

  /** Runs a script as root; `onLine` hears each line as it comes. Throws if the server can't be reached or refuses. */
  async run(script: string, onLine: (line: string) => void = () => {}): Promise<string> {
    const { sudoPassword, user } = this.#target
    const password = user === 'root' ? '' : `${sudoPassword ?? ''}\n`
    const said = await this.#ssh(
      ['server', user === 'root' ? 'sh -s' : `sh -c ${quote(asRoot)}`],
      password + script,
      onLine,
    )
    if (said.code !== 0) {
      const reason = explain(said.code, said.stderr, this.#target)
      if (reason !== undefined) throw new Error(reason)
    }
    return said.stdout
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    await this.#ssh(['-O', 'exit', 'server'], '')
  }

  async #ssh(
    args: string[],
    input: string,
    onLine: (line: string) => void = () => {},
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const code = await exec('ssh', ['-F', join(this.#folder, 'config'), ...args], {
      input: Buffer.from(input),
      silent: true,
      ignoreReturnCode: true,
      env: {
        PATH: process.env.PATH ?? '',
        SSH_ASKPASS: join(this.#folder, 'askpass'),
        SSH_ASKPASS_REQUIRE: 'force',
      },
      listeners: {
        stdout: data => stdout.push(data),
        stderr: data => stderr.push(data),
        stdline: onLine,
        errline: this.#debug,
      },
    })
    return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
  }
}

// The first line of input is the password. A sudo that does not ask would hand it on to the script, so it is asked first.
const asRoot = [
  'IFS= read -r password',
  'if sudo -n true 2>/dev/null || [ -z "$password" ]; then exec sudo -n sh -s; fi',
  '{ printf "%s\\n" "$password"; cat; } | sudo -S -p "" sh -s',
].join('; ')

function files(target: Target, folder: string): Record<string, string> {
  const path = (name: string) => `"${join(folder, name)}"`
  const { jump } = target
  return {
    key: target.key,
    known_hosts: target.knownHosts.map(line => `${line}\n`).join(''),
    fingerprints: target.fingerprints.map(line => `${line}\n`).join(''),
    passphrase: `${target.passphrase ?? ''}\n`,
    // OpenSSH asks this program, never a terminal.
    askpass: `#!/bin/sh\nexec cat ${path('passphrase')}\n`,
    // Asked with a host, its key and the key's fingerprint; answers with a known_hosts line if it is pinned.
    pinned: `grep -qxF -e "$2" ${path('fingerprints')} && printf '%s %s %s\\n' "$1" "$3" "$4"\nexit 0\n`,
    config: `Host server
  HostName ${target.host}
  Port ${target.port}
  User ${target.user}
  ControlMaster auto
  ControlPersist 60
  ControlPath ${path('control')}
${
  jump
    ? `  ProxyJump jump
Host jump
  HostName ${jump.host}
  Port ${jump.port}
  User ${jump.user}
`
    : ''
}Host *
  IdentityFile ${path('key')}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile ${path('known_hosts')}
  GlobalKnownHostsFile /dev/null
${target.fingerprints.length > 0 ? `  KnownHostsCommand /bin/sh ${path('pinned')} %H %f %t %K\n` : ''}  StrictHostKeyChecking yes
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
