import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as core from '@actions/core'
import type { Listener } from './converge.ts'
import type { Mode } from './desired.ts'
import { diff } from './diff.ts'
import type { GitHubEvent } from './inputs/images.ts'
import { InputError, type Inputs, readInputs } from './inputs.ts'
import { down, plan, push, type Surroundings, up } from './modes.ts'
import { renew } from './renew.ts'
import { type Outcome, planJson, planLine, references, summary } from './report.ts'

/** Everything that Berth writes on the runner is below this folder; what is left of it goes in the post step. */
const folder = join(process.env.RUNNER_TEMP ?? tmpdir(), `berth-${randomUUID().slice(0, 8)}`)

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
    listener,
    cancelled: cancelled.signal,
    group: core.group,
    leaves: file => core.saveState('trust', file),
    github: repository(),
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

function repository(): Surroundings['github'] {
  const { GITHUB_REPOSITORY: name, GITHUB_API_URL: api } = process.env
  return name && api ? { name, api, pull: githubEvent().pull } : undefined
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
  for (const warning of inputs.warnings) core.warning(warning, { title: 'Berth: input' })
  await report(await run(inputs))
} catch (error) {
  fail(error)
} finally {
  end()
}
