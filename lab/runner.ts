import { randomBytes } from 'node:crypto'
import * as images from './images.ts'
import { bootable, booted, ensure, type Machine, type Plan, start } from './machine.ts'

/** A machine like GitHub's hosted runner. Its user `runner` has sudo without a password and may use Docker. */
export type Runner = Machine

export async function createRunner(name?: string): Promise<Runner> {
  const made = await plan(name ?? `runner-${randomBytes(3).toString('hex')}`)
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

async function plan(name: string): Promise<Plan> {
  return { name, kind: 'runner', image: await images.runner(), flags: bootable }
}
