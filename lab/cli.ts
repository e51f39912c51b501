import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { client } from './engine.ts'
import { key } from './key.ts'
import { containerOf, find } from './machine.ts'
import { record } from './record.ts'
import { createServer, findServer } from './server.ts'
import { down, inhabitants, world } from './world.ts'

const help = `script/lab: a server, a certificate authority, Docker Hub and a GitHub runner on this machine

  up                        start it all, and one server if there is none
  status                    its machines
  server NAME [--suite bookworm] [--bare] [--rust]
                            add a server, NAME.berth.test: Debian 13 with Docker and nginx unless told otherwise;
                            with --rust, its coreutils and sudo are those written in Rust
  inputs SERVER             what a workflow needs to use it, as GITHUB_OUTPUT takes it
  shell MACHINE [COMMAND…]  a shell on a machine, or one command
  reboot MACHINE
  remove MACHINE
  prune                     remove the machines of tests that ended without doing so
  record [SUITE…]           record what servers answer to the facts script into __tests__/recorded
  down [--all]              remove its containers and network; with --all its images, the engine it started and .lab/ too
`

const [command = 'help', ...rest] = process.argv.slice(2)

const commands: Record<string, () => Promise<void>> = {
  async up() {
    await world()
    for (const { name, kind, state } of await inhabitants()) {
      if (kind === 'server' && state !== 'running') await (await find(name)).reboot()
    }
    if (!(await inhabitants()).some(({ kind }) => kind === 'server')) await createServer({ name: 'server' })
    await status()
  },
  status,
  async server() {
    const options = {
      suite: { type: 'string' },
      bare: { type: 'boolean', default: false },
      rust: { type: 'boolean', default: false },
    } as const
    const { values, positionals } = parseArgs({ args: rest, options, allowPositionals: true })
    await world()
    const { domain, knownHosts } = await createServer({
      name: one(positionals[0]),
      ready: !values.bare,
      rust: values.rust,
      ...(values.suite && { suite: values.suite }),
    })
    console.log(`${domain}\n\n${knownHosts}`)
  },
  async inputs() {
    const { acme } = await world()
    const { domain, address, knownHosts } = await findServer(one(rest[0]))
    const values = {
      ...{ domain, address: address.v4, 'ssh-key': (await key()).private, 'ssh-known-hosts': knownHosts },
      ...{ 'acme-server': acme.directory, ca: acme.trust },
    }
    for (const [name, value] of Object.entries(values)) console.log(`${name}<<END\n${value.trim()}\nEND`)
  },
  async shell() {
    const [name, ...words] = rest
    const shell = process.stdin.isTTY ? ['--tty'] : []
    const inner = words.length
      ? ['sh', '-c', words.join(' ')]
      : ['sh', '-c', 'exec $(command -v bash || echo sh) -l']
    const [program, ...args] = await client([
      'exec',
      '--interactive',
      ...shell,
      containerOf(one(name)),
      ...inner,
    ])
    const child = spawn(program, args, { stdio: 'inherit' })
    process.exitCode = await new Promise<number>(resolve => child.once('close', code => resolve(code ?? 1)))
  },
  reboot: async () => (await find(one(rest[0]))).reboot(),
  remove: async () => (await find(one(rest[0]))).remove(),
  async prune() {
    for (const { name, orphan } of await inhabitants()) if (orphan) await (await find(name)).remove()
    await status()
  },
  async record() {
    for (const suite of rest.length > 0 ? rest : ['bookworm', 'trixie']) await record(suite)
  },
  down: () => down(rest.includes('--all')),
  help: async () => console.log(help),
}

async function status() {
  const rows = (await inhabitants()).map(async ({ name, kind, state, domain }) => {
    const { v4, v6 } = (await find(name)).address
    return { name, kind, state, domain, v4, v6 }
  })
  console.table(Object.fromEntries((await Promise.all(rows)).map(({ name, ...row }) => [name, row])))
}

function one(name: string | undefined): string {
  if (!name) throw new Error('Which machine? script/lab status lists them')
  return name
}

try {
  const chosen = commands[command.replace(/^-+/, '')]
  if (!chosen) throw new Error(`There is no "${command}"\n\n${help}`)
  // The engine may not run yet; then there is nothing of anybody's.
  await chosen()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
