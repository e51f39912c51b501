import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Programs } from './programs.ts'

const root = join(import.meta.dirname, '..')

export interface Run {
  code: number | null
  signal: NodeJS.Signals | null
  log: string
  /** What the step wrote for the runner, by file. */
  output: string
  state: string
  summary: string
}

/** The step as GitHub runs it, from the sources: inputs in the environment, files for what it has to tell, and `programs` on PATH. */
export async function runStep(
  programs: Programs,
  inputs: Record<string, string>,
  { entry = 'main', env = {}, started }: Options = {},
): Promise<Run> {
  const file = (name: string) => programs.file(`github-${name}`)
  mkdirSync(programs.file('temp'), { recursive: true })
  const given = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])
  const child = spawn(process.execPath, [join(root, `src/${entry}.ts`)], {
    env: {
      PATH: process.env.PATH,
      RUNNER_TEMP: programs.file('temp'),
      GITHUB_OUTPUT: touched(file('output')),
      GITHUB_STATE: touched(file('state')),
      GITHUB_STEP_SUMMARY: touched(file('summary')),
      ...Object.fromEntries(given),
      ...env,
    },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', text => {
      log += text
    })
  void started?.(child)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(resolve =>
    child.on('close', (...how) => resolve(how)),
  )
  const read = (name: string) => readFileSync(file(name), 'utf8')
  return { code, signal, log, output: read('output'), state: read('state'), summary: read('summary') }
}

interface Options {
  entry?: 'main' | 'post'
  env?: Record<string, string>
  /** Hears of the process as it runs. */
  started?: (child: ChildProcess) => unknown
}

/** The default inputs of action.yml, which GitHub fills in. */
export const defaults = {
  mode: 'up',
  'ssh-port': '22',
  auth: 'htpasswd',
  install: 'true',
  adopt: 'false',
  immutable: 'false',
  'registry-port': '5000',
  'renew-before': '30',
}

function touched(path: string): string {
  writeFileSync(path, '')
  return path
}
