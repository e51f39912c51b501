import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parse } from 'yaml'
import { type Annotation, Log, parseFile } from './commands.ts'
import { client } from './engine.ts'
import { Masks } from './masks.ts'
import { checkout, hash } from './place.ts'
import type { Runner } from './runner.ts'

/** What steps of one job share. */
interface Job {
  id: string
  /** RUNNER_TEMP: stays after the run, so that tests can search it for what should not be there. */
  temp: string
  workspace: string
  masks: Masks
}

export interface StepOptions {
  /** The event: `push` to refs/heads/main unless told. `payload` becomes the JSON at GITHUB_EVENT_PATH. */
  event?: { name?: string; ref?: string; sha?: string; payload?: Record<string, unknown> }
  env?: Record<string, string>
  /** As if step debugging was on. */
  debug?: boolean
  /** Secrets of the repository, which GitHub masks before the action asks for it. */
  secrets?: string[]
  /** Cancels as GitHub does: as soon as a shown line matches, or when the promise is kept. */
  cancel?: RegExp | Promise<unknown>
  /** `false` leaves the post step to `runPost`. */
  post?: boolean
  /** The job of an earlier step. */
  job?: Job
  /** The folder with action.yml: the checkout unless told. */
  action?: string
  /** Seconds until the step counts as hanging: 600 unless told. */
  timeout?: number
  /** Sees the log as it grows. */
  onLine?: (line: string) => void
}

interface PhaseRun {
  code: number
  /** What GitHub would show: masked, with ##[group], ##[error] and so on. */
  log: string
  /** All that was written, unmasked. */
  raw: string
  annotations: Annotation[]
  /** The messages of the errors among the annotations. */
  errors: string[]
  summary: string
  /** Command lines of processes left behind. */
  orphans: string[]
  milliseconds: number
}

export interface StepRun extends PhaseRun {
  outputs: Record<string, string>
  state: Record<string, string>
  /** What it exported to later steps. */
  env: Record<string, string>
  path: string[]
  job: Job
  post: PhaseRun | undefined
  runPost(): Promise<PhaseRun>
}

/** Runs the action on the runner as a workflow step, then its post step. */
export async function runStep(
  runner: Runner,
  inputs: Record<string, string>,
  options: StepOptions = {},
): Promise<StepRun> {
  const action = await installAction(runner, options.action ?? checkout)
  const job = options.job ?? newJob(options.secrets)
  for (const secret of options.secrets ?? []) job.masks.add(secret)
  const env = environment(job, action, inputs, options)

  return withDriver(runner, action, async driver => {
    const { files, ...main } = await driver.phase(action.main, env, job, !action.post, options)
    const state = parseFile(files.GITHUB_STATE ?? '')
    const runPost = async (after: Driver): Promise<PhaseRun> => {
      if (!action.post) throw new Error('The action has no post step')
      const stateEnv = Object.fromEntries(
        Object.entries(state).map(([name, value]) => [`STATE_${name}`, value]),
      )
      const { cancel: _, ...rest } = options
      const { files: __, ...post } = await after.phase(action.post, { ...env, ...stateEnv }, job, true, rest)
      step.post = post
      return post
    }
    const step: StepRun = {
      ...main,
      outputs: parseFile(files.GITHUB_OUTPUT ?? ''),
      state,
      env: parseFile(files.GITHUB_ENV ?? ''),
      path: (files.GITHUB_PATH ?? '').split('\n').filter(Boolean),
      job,
      post: undefined,
      runPost: () => withDriver(runner, action, runPost),
    }
    if (action.post && options.post !== false) await runPost(driver)
    return step
  })
}

/** The program of the main step and its environment, for those who start it themselves. */
export async function prepareStep(
  runner: Runner,
  inputs: Record<string, string>,
): Promise<{ entry: string; env: Record<string, string> }> {
  const action = await installAction(runner, checkout)
  return { entry: `${action.directory}/${action.main}`, env: environment(newJob(), action, inputs, {}) }
}

function newJob(secrets: string[] = []): Job {
  const id = randomBytes(4).toString('hex')
  const home = `/home/runner/work/${id}`
  return { id, temp: `${home}/_temp`, workspace: `${home}/app/app`, masks: new Masks(secrets) }
}

interface Action {
  directory: string
  main: string
  post: string | undefined
  inputs: Record<string, string>
}

const driver = join(import.meta.dirname, 'runner/step.mjs')

/** What this process has put onto runners, by runner and folder. */
const installed = new Map<string, Promise<Action>>()

function installAction(runner: Runner, folder: string): Promise<Action> {
  const key = `${runner.container} ${folder}`
  const action = installed.get(key) ?? install(runner, folder)
  installed.set(key, action)
  action.catch(() => installed.delete(key))
  return action
}

/** Puts what GitHub would download onto the runner, in a folder named by its content, as if pinned by commit. */
async function install(runner: Runner, folder: string): Promise<Action> {
  const { inputs = {}, runs } = parse(readFileSync(join(folder, 'action.yml'), 'utf8')) as {
    inputs?: Record<string, { default?: unknown } | null>
    runs: { main: string; post?: string }
  }
  const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner']
  const parts = [
    'action.yml',
    ...new Set([runs.main, ...(runs.post ? [runs.post] : [])].map(path => path.split('/')[0] ?? path)),
  ]
  const tar = execFileSync('tar', [...reproducible, '-C', folder, '-c', ...parts], { maxBuffer: 1 << 28 })
  const sha = hash(tar, readFileSync(driver)).slice(0, 40)
  const directory = `/home/runner/work/_actions/berth/berth/${sha}`
  if ((await runner.run(`test -d ${directory}`)).code !== 0) {
    const temporary = `${directory}.${randomBytes(3).toString('hex')}`
    await runner.sh(`mkdir -p ${temporary} && tar -xC ${temporary}`, { input: tar })
    await runner.write(driverOf(directory), readFileSync(driver, 'utf8'))
    // Another process may have been faster with the same content.
    await runner.sh(
      `mv -T ${temporary} ${directory} 2>/dev/null || { rm -r ${temporary}; test -d ${directory}; }`,
    )
  }
  const defaults = Object.entries(inputs).map(([name, input]) => [name, String(input?.default ?? '')])
  return { directory, main: runs.main, post: runs.post, inputs: Object.fromEntries(defaults) }
}

const driverOf = (directory: string) => directory.replace('/_actions/', '/_lab/').concat('.mjs')

function environment(job: Job, action: Action, inputs: Record<string, string>, options: StepOptions) {
  const { event = {}, env = {}, debug = false } = options
  const ref = event.ref ?? 'refs/heads/main'
  const all: Record<string, string> = {
    CI: 'true',
    HOME: '/home/runner',
    LANG: 'C.UTF-8',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    SHELL: '/bin/bash',
    USER: 'runner',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTION: '__berth_berth',
    GITHUB_ACTION_PATH: action.directory,
    GITHUB_ACTION_REF: 'v1',
    GITHUB_ACTION_REPOSITORY: 'berth/berth',
    GITHUB_ACTOR: 'octocat',
    GITHUB_ACTOR_ID: '583231',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_BASE_REF: '',
    GITHUB_EVENT_NAME: event.name ?? 'push',
    GITHUB_EVENT_PATH: `${job.temp}/_github_workflow/event.json`,
    GITHUB_GRAPHQL_URL: 'https://api.github.com/graphql',
    GITHUB_HEAD_REF: '',
    GITHUB_JOB: 'publish',
    GITHUB_REF: ref,
    GITHUB_REF_NAME: ref.replace(/^refs\/(heads|tags|pull)\//, ''),
    GITHUB_REF_PROTECTED: 'false',
    GITHUB_REF_TYPE: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    GITHUB_REPOSITORY: 'octocat/app',
    GITHUB_REPOSITORY_ID: '1296269',
    GITHUB_REPOSITORY_OWNER: 'octocat',
    GITHUB_REPOSITORY_OWNER_ID: '583231',
    GITHUB_RETENTION_DAYS: '90',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_RUN_ID: '1658821493',
    GITHUB_RUN_NUMBER: '7',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: event.sha ?? 'ffac537e6cbbf934b08745a378932722df287a53',
    GITHUB_TRIGGERING_ACTOR: 'octocat',
    GITHUB_WORKFLOW: 'Publish',
    GITHUB_WORKFLOW_REF: `octocat/app/.github/workflows/publish.yml@${ref}`,
    GITHUB_WORKSPACE: job.workspace,
    RUNNER_ARCH: process.arch === 'arm64' ? 'ARM64' : 'X64',
    RUNNER_ENVIRONMENT: 'github-hosted',
    RUNNER_NAME: 'GitHub Actions 1',
    RUNNER_OS: 'Linux',
    RUNNER_TEMP: job.temp,
    RUNNER_TOOL_CACHE: '/opt/hostedtoolcache',
    RUNNER_TRACKING_ID: `github_${job.id}`,
    RUNNER_WORKSPACE: job.workspace.replace(/\/[^/]+$/, ''),
    ...(debug && { RUNNER_DEBUG: '1', ACTIONS_STEP_DEBUG: 'true' }),
    ...env,
  }
  for (const [name, value] of Object.entries({ ...action.inputs, ...inputs })) {
    all[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = evaluate(value, all)
  }
  return all
}

/** Defaults may say ${{ github.x }}. Only such simple expressions are known here. */
const evaluate = (value: string, env: Record<string, string>) =>
  value.replaceAll(
    /\$\{\{\s*github\.(\w+)\s*\}\}/g,
    (_, name: string) => env[`GITHUB_${name.toUpperCase()}`] ?? '',
  )

type PhaseEnd = { code: number; files: Record<string, string>; orphans: string[] }

/** What runs the phases of a step on the runner, one after another: one process there for all of them. */
class Driver {
  readonly #directory: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  #complaint = ''

  private constructor(directory: string, child: ChildProcessWithoutNullStreams) {
    this.#directory = directory
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    child.stdin.on('error', () => {})
    child.stderr.setEncoding('utf8').on('data', chunk => (this.#complaint += chunk))
  }

  static async start(runner: Runner, { directory }: Action): Promise<Driver> {
    const program = ['node', driverOf(directory)]
    const [command, ...args] = await client([
      ...['exec', '--interactive', '--user', 'runner', runner.container],
      ...program,
    ])
    return new Driver(directory, spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  end(): void {
    this.#child.stdin.end()
  }

  async phase(
    entry: string,
    env: Record<string, string>,
    job: Job,
    last: boolean,
    options: StepOptions,
  ): Promise<PhaseRun & { files: Record<string, string> }> {
    const { cancel, debug, onLine, timeout = 600 } = options
    const started = Date.now()
    let end: PhaseEnd | undefined
    const abort = () => {
      if (end === undefined) this.#child.stdin.write('cancel\n')
    }
    const log = new Log(job.masks, debug, line => {
      onLine?.(line)
      if (cancel instanceof RegExp && cancel.test(line)) abort()
    })
    const payload = options.event?.payload ?? {
      ref: env.GITHUB_REF,
      after: env.GITHUB_SHA,
      repository: { default_branch: 'main', full_name: env.GITHUB_REPOSITORY },
    }
    // Through stdin, so that no secret is on a command line.
    const phase = { entry: `${this.#directory}/${entry}`, env, payload, last }
    this.#child.stdin.write(`${JSON.stringify(phase)}\n`)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeout * 1000)
    if (cancel instanceof Promise) cancel.then(abort, abort)

    while (end === undefined) {
      const line = await this.#lines.next()
      if (line.done) break
      const message = JSON.parse(line.value)
      if (message.chunk === undefined) end = message
      else log.write(message.chunk)
    }
    clearTimeout(timer)
    log.end()
    if (end === undefined)
      throw new Error(
        `The step did not end within ${timeout} s, or could not start: ${this.#complaint}\n${log.shown}`,
      )
    const { code, files, orphans } = end
    return {
      code,
      log: log.shown,
      raw: log.raw,
      annotations: log.annotations,
      errors: log.annotations.filter(({ level }) => level === 'error').map(({ message }) => message),
      summary: files.GITHUB_STEP_SUMMARY ?? '',
      orphans,
      files,
      milliseconds: Date.now() - started,
    }
  }
}

async function withDriver<T>(
  runner: Runner,
  action: Action,
  work: (driver: Driver) => Promise<T>,
): Promise<T> {
  const driver = await Driver.start(runner, action)
  try {
    return await work(driver)
  } finally {
    driver.end()
  }
}
