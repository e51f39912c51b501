import { randomBytes } from 'node:crypto'
import * as images from './images.ts'
import { key } from './key.ts'
import { bootable, booted, find, type Machine, start } from './machine.ts'

export interface Server extends Machine {
  /** known_hosts lines for the domain, one for each type of host key. */
  knownHosts: string
  /** The host keys' SHA256:… fingerprints. */
  fingerprints: string[]
}

export interface ServerOptions {
  /** The Debian suite: trixie unless told. */
  suite?: string
  /** With Docker, compose, nginx and certbot from Debian (the default), or bare. */
  ready?: boolean
  /** With coreutils and sudo in Rust, as Ubuntu has them: with BERTH_RUST=1 unless told. */
  rust?: boolean
  /** A server without a name of its own counts as wanted only while the process that made it lives. */
  name?: string
  /** Whether that is so with a name, too. */
  ours?: boolean
  /** More names that lead to it. */
  aliases?: string[]
}

/** Whether servers have coreutils and sudo in Rust. Debian 12 has no such sudo, so who asks for it gets Debian 13. */
export const rusty = process.env.BERTH_RUST === '1'

/** A fresh server: systemd is up, sshd lets root in with the lab's key, and no other server has its host keys. */
export async function createServer(options: ServerOptions = {}): Promise<Server> {
  const { ready = true, rust = rusty, aliases = [] } = options
  const suite = options.suite && !(rust && options.suite === 'bookworm') ? options.suite : 'trixie'
  const base = await (ready ? images.ready(suite) : images.server(suite))
  const machine = await start({
    name: options.name ?? `server-${randomBytes(3).toString('hex')}`,
    ours: options.ours ?? !options.name,
    kind: 'server',
    image: rust ? await images.rust(suite, base) : base,
    aliases,
    flags: bootable,
    command: ['/usr/local/sbin/boot', (await key()).public],
  })
  await booted(machine)
  return known(machine)
}

/** A server that is there already. */
export const findServer = async (name: string): Promise<Server> => known(await find(name))

async function known(machine: Machine): Promise<Server> {
  const keys = await machine.sh(
    'cd /etc/ssh && cat ssh_host_*_key.pub && for f in ssh_host_*_key.pub; do ssh-keygen -lf "$f"; done',
  )
  const lines = keys.split('\n')
  const knownHosts = lines
    .filter(line => /^(ssh|ecdsa)-/.test(line))
    .map(line => `${machine.domain} ${line.split(' ').slice(0, 2).join(' ')}\n`)
    .join('')
  const fingerprints = lines.flatMap(line => /SHA256:\S+/.exec(line)?.[0] ?? [])
  return Object.assign(machine, { knownHosts, fingerprints })
}
