import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as core from '@actions/core'
import { converge, type Listener, look } from './converge.ts'
import { Docker, trustFile } from './docker.ts'
import { Endpoint } from './endpoint.ts'
import type { GitHubEvent } from './inputs/images.ts'
import { InputError, type Inputs, readInputs } from './inputs.ts'
import { publish } from './publish.ts'
import { type Outcome, planJson, planLine, references, summary } from './report.ts'
import { Server } from './server.ts'

/** Everything that Berth writes on the runner is below this folder; what is left of it goes in the post step. */
const folder = join(process.env.RUNNER_TEMP ?? tmpdir(), `berth-${randomUUID().slice(0, 8)}`)

async function run(inputs: Inputs): Promise<Outcome> {
  const { mode, desired, target, images, pushUser } = inputs
  const outcome: Outcome = { domain: desired.domain, steps: [], applied: mode !== 'plan', pushed: [] }
  if (target) {
    const server = new Server(target, join(folder, 'ssh'), core.debug)
    try {
      if (mode === 'plan') {
        outcome.steps = (await look(server, desired)).steps
        listener.planned(outcome.steps)
        return outcome
      }
      outcome.steps = await core.group(`Server ${target.host}`, () => converge(server, desired, listener))
    } finally {
      await server.close()
    }
  }
  const endpoint = new Endpoint(desired.domain, desired.acme.ca)
  try {
    outcome.certificate = await core.group(`Check https://${desired.domain}`, async () => {
      const certificate = await endpoint.verify(pushUser)
      core.info(`certificate valid until ${certificate.validToDate.toISOString()}`)
      return certificate
    })
    if (images.length > 0) {
      outcome.pushed = await core.group('Push', async () => {
        const docker = new Docker(join(folder, 'docker'), core.debug)
        if (desired.acme.ca !== undefined) {
          const file = trustFile(desired.domain)
          core.saveState('trust', file)
          await docker.trust(file, desired.acme.ca)
        }
        return publish(docker, endpoint, desired.domain, images, pushUser, core.debug)
      })
    }
  } finally {
    endpoint.close()
  }
  return outcome
}

const listener: Listener = {
  planned(steps) {
    if (steps.length === 0) core.info('nothing to do: the server is as it should be')
    for (const { resource, changes } of steps)
      for (const change of changes) core.info(planLine(resource, change))
  },
  done({ resource }, milliseconds) {
    core.info(`  ${resource} done in ${(milliseconds / 1000).toFixed(1)} s`)
  },
  said: core.info,
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
  return {
    name: env.GITHUB_EVENT_NAME ?? '',
    ref: env.GITHUB_REF ?? '',
    sha: env.GITHUB_SHA ?? '',
    defaultBranch: defaultBranch(env.GITHUB_EVENT_PATH),
  }
}

function defaultBranch(path: string | undefined): string | undefined {
  try {
    return JSON.parse(readFileSync(path ?? '', 'utf8')).repository.default_branch
  } catch {
    return undefined // a local run, or an event that belongs to no repository
  }
}

try {
  core.saveState('folder', folder)
  const inputs = readInputs(
    name => core.getInput(name, { trimWhitespace: false }),
    core.setSecret,
    githubEvent(),
  )
  await report(await run(inputs))
} catch (error) {
  fail(error)
} finally {
  rmSync(join(folder, 'ssh'), { recursive: true, force: true })
}
