import { randomBytes } from 'node:crypto'
import * as images from './images.ts'
import { bootable, booted, ensure, type Machine, type Plan, start } from './machine.ts'

/** A machine like GitHub's hosted runner. Its user `runner` has sudo without a password and may use Docker. */
export type Runner = Machine

export interface RunnerOptions {
  name?: string
  /** The Debian suite: trixie unless told. */
  suite?: string
}

export async function createRunner({ name, suite }: RunnerOptions = {}): Promise<Runner> {
  const made = await plan(name ?? `runner-${randomBytes(3).toString('hex')}`, suite)
  const runner = await start({ ...made, ours: !name })
  await booted(runner)
  return runner
}

/** The runner of this name: the one there is, or a new one. */
export async function ensureRunner(name: string): Promise<Runner> {
  const runner = await ensure(await plan(name))
  await booted(runner)
  return runner
}

/** Overlay does not stack, so containerd's store goes where the engine's is. */
export async function useContainerdStore(runner: Runner): Promise<void> {
  await runner.sh(`
    systemctl stop docker.socket docker containerd
    mkdir -p /var/lib/docker/containerd-store && mount --bind /var/lib/docker/containerd-store /var/lib/containerd
    jq '. + {features: {"containerd-snapshotter": true}}' /etc/docker/daemon.json >/tmp/daemon.json && cp /tmp/daemon.json /etc/docker/daemon.json
    systemctl start containerd docker`)
}

async function plan(name: string, suite = 'trixie'): Promise<Plan> {
  return { name, kind: 'runner', image: await images.runner(suite), flags: bootable }
}
