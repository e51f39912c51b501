import * as core from '@actions/core'
import type { Listener } from './converge.ts'
import type { Mode } from './desired.ts'
import { diff } from './diff.ts'
import { InputError, type Inputs } from './inputs.ts'
import { down, plan, push, type Surroundings, up } from './modes.ts'
import { renew } from './renew.ts'
import { type Outcome, planJson, planLine, references, summary } from './report.ts'
import type { Server } from './server.ts'

/** Masks texts in the log from now on. */
export function mask(secrets: readonly string[]): void {
  for (const each of secrets) core.setSecret(each)
}

export const debug = core.debug

/** What is known and under way when the toolkit is there. */
export interface Begun {
  inputs: Inputs
  /** The number of the pull request that the workflow runs for. */
  pull: number | undefined
  /** `undefined` in a mode without SSH. */
  server: Server | undefined
}

/** The step, from inputs that are being read and a server that is being connected to. */
export async function run(begun: Promise<Begun>, folder: string, cancelled: AbortSignal): Promise<void> {
  let server: Server | undefined
  try {
    const known = await begun
    server = known.server
    for (const warning of known.inputs.warnings) core.warning(warning, { title: 'Berth: input' })
    await report(await work(known, folder, cancelled))
  } catch (error) {
    fail(error)
  } finally {
    await server?.close()
  }
}

const modes: Partial<Record<Mode, typeof up>> = { up, plan, push, renew, down }

function work({ inputs, pull, server }: Begun, folder: string, cancelled: AbortSignal): Promise<Outcome> {
  const mode = modes[inputs.mode]
  if (!mode) throw new Error(`mode ${inputs.mode} is not there yet in this version of Berth`)
  return mode(inputs, {
    folder,
    listener,
    server,
    cancelled,
    group: core.group,
    leaves: file => core.saveState('trust', file),
    github: repository(pull),
  })
}

const listener: Listener = {
  planned(steps, detailed) {
    if (steps.length === 0) core.info('nothing to do: the server is as it should be')
    for (const { resource, changes, keeps } of steps) {
      for (const change of changes) {
        core.info(planLine(resource, change))
        if (change.file && (detailed || change.action === 'update')) core.info(diff(change.file))
      }
      if (keeps) core.info(`= ${resource}: ${keeps}`)
    }
  },
  done({ resource }, milliseconds) {
    core.info(`  ${resource} done in ${(milliseconds / 1000).toFixed(1)} s`)
  },
  said: core.info,
  warned: text => core.warning(text, { title: 'Berth' }),
  debug: core.debug,
}

async function report(outcome: Outcome): Promise<void> {
  core.setOutput('registry', outcome.domain)
  core.setOutput('changed', outcome.steps.length > 0)
  core.setOutput('plan', planJson(outcome.steps))
  core.setOutput('images', references(outcome).join('\n'))
  core.setOutput('digest', outcome.pushed[0]?.digest ?? '')
  core.setOutput('certificate-expires', outcome.certificate?.validToDate.toISOString() ?? '')
  for (const reference of references(outcome)) core.info(`pushed ${reference}`)
  await core.summary.addRaw(summary(outcome, Date.now())).write()
  if (outcome.failure !== undefined) core.setFailed(outcome.failure)
}

/** One annotation a mistake; never a stack trace, which tells a user nothing. */
function fail(error: unknown): void {
  if (error instanceof InputError) {
    for (const problem of error.problems) core.error(problem, { title: 'Berth: input' })
    process.exitCode = 1
  } else {
    core.setFailed(error instanceof Error ? error.message : String(error))
    if (error instanceof Error) core.debug(error.stack ?? '')
  }
}

function repository(pull: number | undefined): Surroundings['github'] {
  const { GITHUB_REPOSITORY: name, GITHUB_API_URL: api } = process.env
  return name && api ? { name, api, pull } : undefined
}
