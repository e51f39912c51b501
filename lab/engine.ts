import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cache } from './place.ts'
import { output, type ProcessOptions, type Result, run, until } from './process.ts'

// Buildx is missing on Debian 12, so images are built by the classic builder everywhere.
const environment = { DOCKER_BUILDKIT: '0' }

/** What comes before a command that needs root. */
const sudo = process.getuid?.() === 0 ? [] : ['sudo']
let prefix: string[] | undefined

/** Runs the Docker client; throws with stderr unless it succeeds. Returns stdout, trimmed. */
export async function docker(...args: string[]): Promise<string> {
  const [command, ...rest] = await client(args)
  return output(command, rest, { env: environment })
}

/** Runs the Docker client; an exit code is a result. */
export async function tryDocker(args: string[], options?: ProcessOptions): Promise<Result> {
  const [command, ...rest] = await client(args)
  return run(command, rest, { env: environment, ...options })
}

/** The command line of the Docker client, for who wants to spawn it. */
export async function client(args: string[]): Promise<[string, ...string[]]> {
  prefix ??= (await answers([])) || !sudo.length ? [] : sudo
  const [command, ...rest] = [
    ...prefix,
    ...(prefix.length ? ['env', 'DOCKER_BUILDKIT=0'] : []),
    'docker',
    ...args,
  ]
  return [command ?? 'docker', ...rest]
}

/** Makes sure that a Docker engine runs: the one that is there, else Debian's, started by hand where no systemd runs. */
export async function engine(): Promise<void> {
  if (await isUp()) return
  if (!(await has('dockerd'))) {
    // Since Debian 13 the client is a package of its own.
    const split = (await run('apt-cache', ['show', 'docker-cli'])).code === 0
    await install('docker.io', ...(split ? ['docker-cli'] : []))
  }
  if (existsSync('/run/systemd/system')) await asRoot('systemctl', 'start', 'docker')
  else await startByHand()
  await until(`The Docker engine answers (its log: ${logFile})`, 60, isUp)
}

/** Installs packages of this machine's distribution. */
export async function install(...packages: string[]): Promise<void> {
  console.error(`Installing ${packages.join(', ')}`)
  await asRoot('apt-get', 'update')
  await asRoot(
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    'install',
    '-y',
    '--no-install-recommends',
    ...packages,
  )
}

export async function asRoot(command: string, ...args: string[]): Promise<string> {
  const [first, ...rest] = [...sudo, command, ...args]
  return output(first ?? command, rest)
}

export async function has(program: string): Promise<boolean> {
  // /usr/sbin, where dockerd lives, is not in everybody's PATH.
  const path = `${process.env.PATH}:/usr/sbin:/sbin`
  return (await run('sh', ['-c', 'command -v "$1"', 'sh', program], { env: { PATH: path } })).code === 0
}

/** Ends the engine that the lab started by hand, if it did. */
export async function stopEngine(): Promise<void> {
  const pid = ourEngine()
  if (!pid) return
  await asRoot('kill', String(pid))
  await until('The Docker engine stops', 60, async () => !existsSync(`/proc/${pid}`))
}

const logFile = join(cache, 'dockerd.log')
const pidFile = join(cache, 'dockerd.pid')

async function startByHand(): Promise<void> {
  // dockerd refuses to start when a pid file names a living process, even if that is by now another program.
  const enginePidFile = '/var/run/docker.pid'
  if (existsSync(enginePidFile) && !isDockerd(Number(readFileSync(enginePidFile, 'utf8')))) {
    await asRoot('rm', '-f', enginePidFile)
  }
  const log = openSync(logFile, 'a')
  const script = 'echo $$ >"$1"; exec dockerd'
  const [command, ...args] = [...sudo, 'sh', '-c', script, 'sh', pidFile]
  const path = `${process.env.PATH}:/usr/sbin:/sbin`
  spawn(command ?? 'sh', args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: path },
  }).unref()
}

function ourEngine(): number | undefined {
  if (!existsSync(pidFile)) return undefined
  const pid = Number(readFileSync(pidFile, 'utf8'))
  return isDockerd(pid) ? pid : undefined
}

function isDockerd(pid: number): boolean {
  const file = `/proc/${pid}/comm`
  return existsSync(file) && readFileSync(file, 'utf8').trim() === 'dockerd'
}

const isUp = async () => {
  if (await answers([])) return true
  return sudo.length > 0 && (await answers(sudo))
}

async function answers(before: string[]): Promise<boolean> {
  const [command, ...args] = [...before, 'docker', 'version', '--format', '{{.Server.Version}}']
  try {
    return (await run(command ?? 'docker', args, { timeout: 20 })).code === 0
  } catch {
    return false
  }
}
