import { readFileSync } from 'node:fs'
import { client, docker, tryDocker } from './engine.ts'
import { zone } from './network.ts'
import { hash, label, labName } from './place.ts'
import { output, type Result, until } from './process.ts'

interface RunOptions {
  /** Who runs the script: root unless told. */
  user?: string
  /** The script's stdin. */
  input?: string | Buffer
  /** Seconds until it counts as hanging: 300 unless told. */
  timeout?: number
  onOutput?: (chunk: string) => void
}

export interface Machine {
  /** Short and unique in the lab: what `script/lab shell` takes. */
  name: string
  /** The container's name. */
  container: string
  /** Resolves in every container of the lab, to both addresses. */
  domain: string
  address: { v4: string; v6: string }
  /** Runs a bash script. It never throws for an exit code. The script is on no command line, so it may hold secrets. */
  run(script: string, options?: RunOptions): Promise<Result>
  /** The trimmed stdout of a bash script that has to succeed. */
  sh(script: string, options?: RunOptions): Promise<string>
  write(path: string, content: string, mode?: string): Promise<void>
  read(path: string): Promise<string>
  /** Boots the machine anew and waits until it is up, or pulls the plug first. */
  reboot(options?: { hard?: boolean }): Promise<void>
  /** All its processes stop as if the machine hung: TCP connections stay open and nothing answers. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  remove(): Promise<void>
}

export interface Plan {
  name: string
  /** What `script/lab status` shows: server, runner, acme, hub. */
  kind: string
  image: string
  domain?: string
  /** More names under which the lab's DNS finds it. */
  aliases?: string[]
  env?: Record<string, string>
  command?: string[]
  flags?: string[]
  /** Nobody but this process wants it: `script/lab prune` removes it once this process has ended. */
  ours?: boolean
}

/** What systemd and a Docker engine need inside a container, on machines with cgroup v1, v2 or both. */
export const bootable = [
  ...capabilities().flatMap(name => ['--cap-add', name]),
  ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
  ...['--security-opt', 'systempaths=unconfined', '--device-cgroup-rule', 'a *:* rwm'],
  ...['--cgroupns', 'private', '--tmpfs', '/run', '--tmpfs', '/tmp:exec'],
  // Overlay does not stack, so the inner engine's images need a real file system.
  ...['--volume', '/var/lib/docker'],
]

/** Starts a container on the lab's network. */
export async function start(plan: Plan): Promise<Machine> {
  const domain = plan.domain ?? `${plan.name}.${zone}`
  const names = [domain, ...(plan.aliases ?? [])].flatMap(name => ['--network-alias', name])
  const env = Object.entries(plan.env ?? {}).flatMap(([key, value]) => ['--env', `${key}=${value}`])
  const labels = [
    label,
    `berth.kind=${plan.kind}`,
    `berth.domain=${domain}`,
    `berth.plan=${fingerprint(plan)}`,
    ...(plan.ours ? [`berth.owner=${process.pid}`] : []),
  ]
  await docker(
    ...['run', '--detach', '--name', containerOf(plan.name), '--hostname', plan.name, '--network', labName],
    ...labels.flatMap(value => ['--label', value]),
    ...[...names, ...env, ...(plan.flags ?? []), plan.image, ...(plan.command ?? [])],
  )
  return find(plan.name)
}

/** The container of this plan: the running one, a stopped one started again, or a new one if the plan changed. */
export async function ensure(plan: Plan): Promise<Machine> {
  const container = containerOf(plan.name)
  const format = '{{index .Config.Labels "berth.plan"}} {{.State.Running}}'
  const { code, stdout } = await tryDocker(['inspect', '--type', 'container', '--format', format, container])
  if (code === 0) {
    const [made, running] = stdout.trim().split(' ')
    if (made === fingerprint(plan)) {
      if (running !== 'true') await docker('start', container)
      return find(plan.name)
    }
    await docker('rm', '--force', '--volumes', container)
  }
  return start(plan)
}

/** A machine of the lab by its name. */
export async function find(name: string): Promise<Machine> {
  const container = containerOf(name)
  const network = `(index .NetworkSettings.Networks "${labName}")`
  const format = `{{index .Config.Labels "berth.domain"}} {{${network}.IPAddress}} {{${network}.GlobalIPv6Address}}`
  const [domain = '', v4 = '', v6 = ''] = (
    await docker('inspect', '--type', 'container', '--format', format, container)
  ).split(' ')

  const exec = async (script: string, options: RunOptions = {}) => {
    const { user = 'root', input = '', timeout = 300, onOutput } = options
    // The script comes first on stdin and what is left of it is the script's own stdin.
    const read = 'eval "$(head -c "$1")"'
    const args = ['exec', '--interactive', '--user', user, container, 'bash', '-c', read, 'lab']
    const bytes = Buffer.byteLength(script)
    return tryDocker([...args, String(bytes)], {
      input: Buffer.concat([Buffer.from(script), Buffer.from(input)]),
      timeout,
      ...(onOutput && { onOutput }),
    })
  }
  const machine: Machine = {
    name,
    container,
    domain,
    address: { v4, v6 },
    run: exec,
    async sh(script, options) {
      const { code, stdout, stderr } = await exec(script, options)
      if (code !== 0) throw new Error(`On ${name}, exit ${code}: ${script.trim()}\n${stdout}${stderr}`)
      return stdout.trim()
    },
    async write(path, content, mode = '644') {
      const script = `set -e; mkdir -p "$(dirname '${path}')"; umask 077; cat >'${path}'; chmod ${mode} '${path}'`
      await machine.sh(script, { input: content })
    },
    async read(path) {
      const { code, stdout, stderr } = await exec(`cat '${path}'`)
      if (code !== 0) throw new Error(`On ${name}: ${stderr}`)
      return stdout
    },
    async reboot({ hard = false } = {}) {
      if (hard) await docker('kill', container)
      await docker(hard ? 'start' : 'restart', '--', container)
      machine.address = (await find(name)).address
      await booted(machine)
    },
    freeze: async () => void (await docker('pause', container)),
    thaw: async () => void (await docker('unpause', container)),
    remove: async () => void (await docker('rm', '--force', '--volumes', container)),
  }
  return machine
}

/** Waits until systemd has started all it starts at boot. */
export async function booted(machine: Machine): Promise<void> {
  const state = await until(`${machine.name} boots`, 60, async () => {
    const { stdout } = await machine.run('timeout 50 systemctl is-system-running --wait')
    const state = /^(running|degraded)/.exec(stdout)?.[0]
    if (!state) await assertRunning(machine)
    return state
  })
  if (state === 'degraded') {
    throw new Error(
      `${machine.name} booted, but: ${await machine.sh('systemctl --failed --no-legend --plain')}`,
    )
  }
}

/** A container whose systemd gave up says nothing; mostly the machine has no inotify instances left for it. */
async function assertRunning({ name, container }: Machine): Promise<void> {
  const state = await docker('inspect', '--format', '{{.State.Status}} ({{.State.ExitCode}})', container)
  if (state.startsWith('running')) return
  const limit = readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8').trim()
  throw new Error(
    `${name} did not boot: ${state}. With many machines fs.inotify.max_user_instances, here ${limit}, is used up: ` +
      'a machine takes about 5. Remove some (script/lab prune) or raise it.',
  )
}

/** Makes sure that there is no machine of this name, whatever a run that was cut off has left. */
export async function removeMachine(name: string): Promise<void> {
  await tryDocker(['rm', '--force', '--volumes', containerOf(name)])
}

/** Copies a folder into a machine. */
export async function copy(machine: Machine, from: string, to: string): Promise<void> {
  await machine.sh(`mkdir -p '${to}'`)
  const [command, ...args] = await client(['cp', `${from}/.`, `${machine.container}:${to}`])
  await output(command, args)
}

/**
 * The capabilities that a server gets: those that this machine has itself. Neither --privileged nor ALL does that: where
 * one is missing, some engines fail then, and others when it is dropped. They are numbered as in the kernel.
 */
function capabilities(): string[] {
  const names = [
    ...[
      'CHOWN',
      'DAC_OVERRIDE',
      'DAC_READ_SEARCH',
      'FOWNER',
      'FSETID',
      'KILL',
      'SETGID',
      'SETUID',
      'SETPCAP',
    ],
    ...[
      'LINUX_IMMUTABLE',
      'NET_BIND_SERVICE',
      'NET_BROADCAST',
      'NET_ADMIN',
      'NET_RAW',
      'IPC_LOCK',
      'IPC_OWNER',
    ],
    ...[
      'SYS_MODULE',
      'SYS_RAWIO',
      'SYS_CHROOT',
      'SYS_PTRACE',
      'SYS_PACCT',
      'SYS_ADMIN',
      'SYS_BOOT',
      'SYS_NICE',
    ],
    ...[
      'SYS_RESOURCE',
      'SYS_TIME',
      'SYS_TTY_CONFIG',
      'MKNOD',
      'LEASE',
      'AUDIT_WRITE',
      'AUDIT_CONTROL',
      'SETFCAP',
    ],
    ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ'],
  ]
  // The same everywhere, so not those that some machines lack, and none that reaches into this machine's kernel.
  const never = ['SYS_RESOURCE', 'SYS_MODULE', 'SYS_TIME', 'SYS_BOOT']
  const bounds = /^CapBnd:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const has = (bit: number) => (BigInt(`0x${bounds}`) >> BigInt(bit)) & 1n
  return names.filter((name, bit) => has(bit) && !never.includes(name))
}

export const containerOf = (name: string) => `${labName}-${name}`

const fingerprint = (plan: Plan) => hash(JSON.stringify(plan)).slice(0, 16)
