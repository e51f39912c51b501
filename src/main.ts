import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as core from '@actions/core'
import type { Mode } from './desired.ts'
import { helpFor } from './help.ts'
import type { GitHubEvent } from './inputs/images.ts'
import { InputError, type Inputs, readInputs } from './inputs.ts'
import { Log } from './log.ts'
import { down, plan, push, up } from './modes.ts'
import { renew } from './renew.ts'
import { closing, type Outcome, planJson, references } from './report.ts'
import { mistakes, summary } from './summary.ts'

/** Everything that Berth writes on the runner is below this folder; what is left of it goes in the post step. */
const folder = join(process.env.RUNNER_TEMP ?? tmpdir(), `berth-${randomUUID().slice(0, 8)}`)

const log = new Log(core, process.env)

/** The registry’s name, once it is known to be one. */
let domain = 'Berth'

const cancelled = new AbortController()

/** Milliseconds in which the connection is closed; GitHub sends SIGTERM 7500 after SIGINT. */
const grace = 3000

// GitHub cancels a job with SIGINT to this process alone: what it started is its own to end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    cancelled.abort()
    setTimeout(end, grace)
  })
}

/** Leaves nothing secret behind; the post step does the rest. */
function end(): void {
  for (const each of ['ssh', 'skopeo']) rmSync(join(folder, each), { recursive: true, force: true })
  if (cancelled.signal.aborted) process.exit(130)
}

const modes: Partial<Record<Mode, typeof up>> = { up, plan, push, renew, down }

async function run(inputs: Inputs): Promise<Outcome> {
  const mode = modes[inputs.mode]
  if (!mode) throw new Error(`mode ${inputs.mode} is not there yet in this version of Berth`)
  return mode(inputs, {
    folder,
    listener: log,
    cancelled: cancelled.signal,
    group: log.group,
    leaves: file => core.saveState('trust', file),
    github: repository(),
  })
}

async function report(outcome: Outcome): Promise<void> {
  core.setOutput('registry', outcome.domain)
  core.setOutput('changed', outcome.steps.length > 0)
  core.setOutput('plan', planJson(outcome.steps))
  core.setOutput('images', references(outcome).join('\n'))
  core.setOutput('digest', outcome.pushed[0]?.digest ?? '')
  core.setOutput('certificate-expires', outcome.certificate?.validToDate.toISOString() ?? '')
  for (const reference of references(outcome)) log.said(`pushed ${reference}`)
  if (outcome.failure === undefined) log.said(closing(outcome, Date.now(), performance.now()))
  else fail(outcome.failure)
  await summarize(outcome)
}

/** A failed run has no outcome, but its plan and what became of that. */
async function reportFailure(error: unknown): Promise<void> {
  if (error instanceof InputError) {
    error.problems.forEach(fail)
    const help = helpFor(error.problems[0] ?? '', process.env)
    await write(mistakes(error.problems, help))
  } else {
    const failure = error instanceof Error ? error.message : String(error)
    fail(failure)
    if (error instanceof Error) log.debug(error.stack ?? '')
    await summarize({ domain, steps: log.steps, applied: true, pushed: [], failure })
  }
}

/** Never a stack trace, which tells a user nothing. */
function fail(problem: string): void {
  log.failed(problem)
  process.exitCode = 1
}

async function summarize(outcome: Outcome): Promise<void> {
  const help = helpFor(outcome.failure ?? '', process.env)
  const { phases, taken } = log
  await write(summary(outcome, { now: Date.now(), phases, taken, help }))
}

/** Adds to the job summary; a run by hand has none. */
async function write(markdown: string): Promise<void> {
  if (process.env.GITHUB_STEP_SUMMARY) await core.summary.addRaw(markdown).write()
}

function githubEvent(): GitHubEvent {
  const env = process.env
  const { repository, pull_request, number } = payload(env.GITHUB_EVENT_PATH)
  return {
    name: env.GITHUB_EVENT_NAME ?? '',
    ref: env.GITHUB_REF ?? '',
    sha: env.GITHUB_SHA ?? '',
    defaultBranch: repository?.default_branch,
    pull: pull_request?.number ?? number,
    owner: env.GITHUB_REPOSITORY_OWNER ?? '',
  }
}

function repository(): { name: string; api: string } | undefined {
  const { GITHUB_REPOSITORY: name, GITHUB_API_URL: api } = process.env
  return name && api ? { name, api } : undefined
}

interface Payload {
  repository?: { default_branch?: string }
  pull_request?: { number?: number }
  number?: number
}

function payload(path: string | undefined): Payload {
  try {
    return JSON.parse(readFileSync(path ?? '', 'utf8')) as Payload
  } catch {
    return {} // a local run
  }
}

try {
  core.saveState('folder', folder)
  const inputs = readInputs(
    name => core.getInput(name, { trimWhitespace: false }),
    core.setSecret,
    githubEvent(),
  )
  domain = inputs.desired.domain
  inputs.warnings.forEach(log.warned)
  await report(await run(inputs))
} catch (error) {
  await reportFailure(error)
} finally {
  end()
}
