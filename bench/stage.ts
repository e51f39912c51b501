import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createServer,
  findServer,
  key,
  prepareStep,
  runStep,
  type Server,
  type World,
  world,
} from '../lab/index.ts'
import { copy, removeMachine } from '../lab/machine.ts'
import { ensureRunner, type Runner } from '../lab/runner.ts'

/** Where the bench's files are on its runner. */
export const home = '/home/runner/bench'

/** A process that the clock starts on the runner; `{round}` stands for the round's number. */
export interface Command {
  argv: string[]
  env?: Record<string, string>
  input?: string
  /** Whether it may end as it likes. */
  fails?: boolean
}

/** The machines and what all rows do with them. */
export class Stage {
  readonly world: World
  readonly runner: Runner
  server: Server
  readonly #key: { private: string; public: string }

  private constructor(lab: World, runner: Runner, server: Server, pair: { private: string; public: string }) {
    this.world = lab
    this.runner = runner
    this.server = server
    this.#key = pair
  }

  static async open(): Promise<Stage> {
    const lab = await world()
    const runner = await ensureRunner('bench-runner')
    await copy(runner, import.meta.dirname, home)
    const pair = await key()
    await runner.write(`${home}/key`, pair.private, '600')
    await runner.write(`${home}/ca.pem`, lab.acme.trust)
    const stage = new Stage(lab, runner, await serverThere(), pair)
    await stage.#know()
    return stage
  }

  /** A fresh server in the place of the last one; with the packages there, or bare. */
  async fresh(ready: boolean): Promise<void> {
    await removeMachine('bench')
    this.server = await createServer({ name: 'bench', ready, aliases })
    await this.#know()
  }

  /** Runs the step until there is nothing to do. */
  async converge(more: Record<string, string> = {}): Promise<void> {
    const { code, log } = await runStep(this.runner, this.inputs(more))
    if (code !== 0) throw new Error(log)
  }

  inputs(more: Record<string, string> = {}): Record<string, string> {
    return {
      domain: this.server.domain,
      email: 'ops@example.com',
      'ssh-host': this.server.domain,
      'ssh-key': this.#key.private,
      'ssh-known-hosts': this.server.knownHosts,
      users: users(5),
      'acme-server': this.world.acme.directory,
      ca: this.world.acme.trust,
      ...more,
    }
  }

  /** A second registry on the same server, without users. */
  open(): Record<string, string> {
    return { domain: openDomain, directory: '/opt/open', auth: 'none', users: '' }
  }

  /** The step as the runner starts it. */
  async step(more: Record<string, string> = {}): Promise<Command> {
    const { entry, env } = await prepareStep(this.runner, this.inputs(more))
    return { argv: ['node', entry], env }
  }

  ssh(...command: string[]): Command {
    return { argv: ['ssh', '-F', `${home}/ssh_config`, `root@${this.server.domain}`, ...command] }
  }

  /** Milliseconds by command and round; the commands take turns. */
  async clock(commands: readonly Command[], rounds = 5, warmups = 1): Promise<number[][]> {
    const input = JSON.stringify({ commands, rounds, warmups })
    return JSON.parse(
      await this.runner.sh(`node ${home}/clock.mjs`, { user: 'runner', input, timeout: 1800 }),
    )
  }

  /** What sshd logged of connections and commands while `work` was done. */
  async count(work: () => Promise<unknown>): Promise<string> {
    const count = async (text: string) =>
      Number(await this.server.sh(`journalctl --sync; journalctl -o cat | grep -c '^${text}' || :`))
    const before = [await count('Accepted publickey'), await count('Starting session')]
    await work()
    const after = [await count('Accepted publickey'), await count('Starting session')]
    const [connections, commands] = after.map((each, index) => each - (before[index] ?? 0))
    return `SSH connections: ${connections}, commands: ${commands}`
  }

  async #know(): Promise<void> {
    await this.runner.write(`${home}/known_hosts`, this.server.knownHosts)
    await this.runner.write(`${home}/ssh_config`, sshConfig)
    await this.runner.sh(`chown -R runner: ${home}`)
    await this.server.sh('echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/bench.conf && systemctl reload ssh')
  }
}

/** A server as the runner reaches it. */
interface Way {
  names: readonly string[]
  address: string
}

/** An address of the runner on which a far server answers. */
const far = (index: number) => `127.0.77.${index + 1}`

/** Does the work while servers are so many milliseconds away, there and back, for SSH and for HTTPS. */
export async function delayed(
  { runner, server }: Stage,
  rtt: number,
  work: () => Promise<void>,
  ways: readonly Way[] = [{ names: [server.domain], address: server.address.v4 }],
): Promise<void> {
  for (const [index, { names, address }] of ways.entries())
    await runner.sh(`echo '${far(index)} ${names.join(' ')}' >>/etc/hosts
systemd-run --quiet --unit bench-delay-${index} node ${home}/delay.mjs ${rtt} ${address} ${far(index)} 22 443
until ss -ltnH 'sport = :443' | grep -qF ${far(index)}; do sleep 0.1; done`)
  try {
    await work()
  } finally {
    // Docker mounts the file, so it can't be renamed.
    await runner.sh(
      `systemctl stop 'bench-delay-*'; hosts=$(grep -v '^127\\.0\\.77\\.' /etc/hosts); echo "$hosts" >/etc/hosts`,
    )
  }
}

export const openDomain = 'bench-open.berth.test'
const aliases = [openDomain]

async function serverThere(): Promise<Server> {
  try {
    return await findServer('bench')
  } catch {
    return createServer({ name: 'bench', aliases })
  }
}

const sshConfig = `IdentityFile ${home}/key
IdentitiesOnly yes
BatchMode yes
UserKnownHostsFile ${home}/known_hosts
`

/** Users with generated passwords, which stay the same from run to run. */
export function users(count: number, first = 'PLkz7QmXcE2vTn5RbW9dHs4a'): string {
  return Array.from(
    { length: count },
    (_, index) =>
      `user${index}:${index === 0 ? first : createHash('sha256').update(`user ${index}`).digest('base64')}`,
  ).join('\n')
}

export const password = 'PLkz7QmXcE2vTn5RbW9dHs4a'

export const peer = (name: string) => readFileSync(join(import.meta.dirname, 'peers', name), 'utf8')
