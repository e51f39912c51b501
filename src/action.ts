import * as core from '@actions/core'
import type { Mode } from './desired.ts'
import { asFailure, type Failure, InputError } from './failure.ts'
import type { Inputs } from './inputs/inputs.ts'
import { clean } from './modes/clean.ts'
import type { Context } from './modes/context.ts'
import { down } from './modes/down.ts'
import { plan } from './modes/plan.ts'
import { push } from './modes/push.ts'
import { renew } from './modes/renew.ts'
import { up } from './modes/up.ts'
import { helpFor } from './report/help.ts'
import { Log } from './report/log.ts'
import { closing, type Outcome, planJson, references } from './report/outcome.ts'
import { deletedJson, freedBytes, isCleaned } from './report/retention.ts'
import { hide } from './report/secrets.ts'
import { mistakesSummary, summary } from './report/summary.ts'
import type { Server } from './server/server.ts'

const log = new Log(core, process.env)

/** The registry’s name, once the inputs are known to be good. */
let domain = 'Berth'

/** Whether the mode changes anything. */
let applied = true

/** Masks texts from now on: in the log, and in what goes to GitHub by another way. */
export function mask(secrets: readonly string[]): void {
  for (const each of secrets) core.setSecret(each)
  hide(secrets)
}

export const { debug } = log

/** What is known, and what is under way, by the time the toolkit is loaded. */
export interface Begun {
  inputs: Inputs
  /** The number of the pull request that the workflow runs for. */
  pull: number | undefined
  /** Empty in a mode without SSH. */
  servers: readonly Server[]
}

/** Runs the step. `begun` reads the inputs and starts to connect to the servers. */
export async function run(begun: Promise<Begun>, folder: string, cancelled: AbortSignal): Promise<void> {
  let servers: readonly Server[] = []
  try {
    const known = await begun
    servers = known.servers
    domain = known.inputs.desired.domain
    applied = known.inputs.mode !== 'plan'
    known.inputs.warnings.forEach(log.warned)
    known.inputs.notes.forEach(log.said)
    await report(await work(known, folder, cancelled))
  } catch (error) {
    await reportFailure(error)
  } finally {
    await Promise.all(servers.map(server => server.close()))
  }
}

const modes: Record<Mode, typeof up> = { up, plan, push, renew, clean, down }

function work({ inputs, pull, servers }: Begun, folder: string, cancelled: AbortSignal): Promise<Outcome> {
  return modes[inputs.mode](inputs, {
    folder,
    listener: log,
    beside: log.beside,
    servers,
    cancelled,
    group: log.group,
    leaves: file => core.saveState('trust', file),
    github: repository(pull),
  })
}

async function report(outcome: Outcome): Promise<void> {
  core.setOutput('registry', outcome.domain)
  core.setOutput('changed', outcome.steps.length > 0 || log.taken.size > 0 || isCleaned(outcome))
  core.setOutput('plan', planJson(outcome.steps))
  core.setOutput('images', references(outcome).join('\n'))
  core.setOutput('digest', outcome.pushed[0]?.digest ?? '')
  core.setOutput('deleted', deletedJson(outcome))
  core.setOutput('freed', freedBytes(outcome))
  core.setOutput('certificate-expires', outcome.certificate?.validToDate.toISOString() ?? '')
  for (const [index, reference] of references(outcome).entries())
    log.said(`${outcome.pushed[index]?.known ? 'there already' : 'pushed'}: ${reference}`)
  if (outcome.failure === undefined) log.said(closing(outcome, Date.now(), performance.now()))
  else fail(outcome.failure)
  // Of a server that failed the outcome knows nothing, but something may have been done there.
  await summarize(outcome.failure ? { ...outcome, steps: log.steps } : outcome)
}

/** A failed run has no outcome, but it has a plan, and some of that may have been done. */
async function reportFailure(error: unknown): Promise<void> {
  if (error instanceof InputError) {
    error.mistakes.forEach(fail)
    await write(mistakesSummary(error.mistakes, helpFor(error.mistakes[0] ?? asFailure(error), process.env)))
  } else {
    const failure = asFailure(error)
    fail(failure)
    if (error instanceof Error) log.debug(error.stack ?? '')
    await summarize({ domain, steps: log.steps, applied, pushed: [], failure })
  }
}

/** Never a stack trace, which tells a user nothing. */
function fail(failure: Failure): void {
  log.failed(failure)
  process.exitCode = 1
}

async function summarize(outcome: Outcome): Promise<void> {
  const help = outcome.failure ? helpFor(outcome.failure, process.env) : ''
  const { phases, taken } = log
  await write(summary(outcome, { now: Date.now(), phases, taken, help }))
}

/** Adds to the job summary. A run by hand has none. */
async function write(markdown: string): Promise<void> {
  if (process.env.GITHUB_STEP_SUMMARY) await core.summary.addRaw(markdown).write()
}

function repository(pull: number | undefined): Context['github'] {
  const { GITHUB_REPOSITORY: name, GITHUB_API_URL: api } = process.env
  return name && api ? { name, api, pull } : undefined
}
