import { randomUUID } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Begun } from './action.ts'
import type { GitHubEvent } from './inputs/event.ts'
import { readInputs } from './inputs/inputs.ts'
import { number, object, parseJson, string } from './json.ts'
import { Server } from './server/server.ts'

/** Everything that Berth writes on the runner is below this folder; what is left of it goes in the post step. */
const folder = join(process.env.RUNNER_TEMP ?? tmpdir(), `berth-${randomUUID().slice(0, 8)}`)

const cancelled = new AbortController()

/** Milliseconds allowed for closing the connection; GitHub sends SIGTERM 7500 after SIGINT. */
const grace = 3000

// GitHub cancels a job by sending SIGINT to this process alone, so it has to end what it started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    cancelled.abort()
    setTimeout(end, grace)
  })
}

// An unexpected error must not leave the key behind either.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.once(event, error => {
    process.exitCode = 1
    end()
    console.error(error instanceof Error ? error.name : 'an unknown error')
    process.exit()
  })
}

/** Leaves nothing secret behind; the post step does the rest. */
function end(): void {
  for (const each of ['ssh', 'skopeo']) rmSync(join(folder, each), { recursive: true, force: true })
  if (cancelled.signal.aborted) process.exit(130)
}

/** What the log has to mask. Nothing is printed before it does. */
const secrets: string[] = []

/**
 * Reads the inputs and starts ssh. Only what that needs is loaded by now. GitHub's toolkit, whose HTTP client takes twice as
 * long to load as Node itself, is loaded while ssh connects.
 */
async function begin(): Promise<Begun> {
  const event = githubEvent()
  const inputs = await readInputs(
    name => process.env[`INPUT_${name.toUpperCase()}`] ?? '',
    text => secrets.push(text),
    event,
  )
  saveFolder()
  const { pull } = event
  const debug = (text: string) => void loaded.then(action => action.debug(text))
  const servers = inputs.targets.map(
    (target, index) => new Server(target, join(folder, 'ssh', `${index}`), debug, cancelled.signal),
  )
  for (const server of servers) server.connect()
  return { inputs, pull, servers }
}

/** Tells the post step of the folder before anything is written there, as the toolkit's saveState would. */
function saveFolder(): void {
  if (process.env.GITHUB_STATE) appendFileSync(process.env.GITHUB_STATE, `folder=${folder}\n`)
}

function githubEvent(): GitHubEvent {
  const env = process.env
  const payload = object(eventPayload(env.GITHUB_EVENT_PATH))
  return {
    name: env.GITHUB_EVENT_NAME ?? '',
    ref: env.GITHUB_REF ?? '',
    sha: env.GITHUB_SHA ?? '',
    defaultBranch: string(object(payload.repository).default_branch),
    pull: number(object(payload.pull_request).number) ?? number(payload.number),
    owner: env.GITHUB_REPOSITORY_OWNER ?? '',
  }
}

function eventPayload(path: string | undefined): unknown {
  try {
    return parseJson(readFileSync(path ?? '', 'utf8'))
  } catch {
    return undefined // a local run
  }
}

const begun = begin()
const loaded = begun
  .catch(() => {}) // The action reports it.
  .then(async () => {
    const action = await import(/* webpackChunkName: "action" */ './action.ts')
    action.mask(secrets)
    return action
  })
try {
  await (await loaded).run(begun, folder, cancelled.signal)
} finally {
  end()
}
