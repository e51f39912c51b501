import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Programs } from './programs.ts'
import { defaults, runStep } from './step.ts'

// Each starts the whole step, which takes its time on a machine with other work.
jest.setTimeout(30_000)

const password = 'nHzd4vQOYmF0o6xq8xJm0p1pZtVb2c3d'
let inputs: Record<string, string>
let programs: Programs

beforeAll(() => {
  const keys = new Programs()
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keys.file('key')])
  inputs = {
    ...defaults,
    mode: 'plan',
    domain: 'registry.example.com',
    'ssh-key': readFileSync(keys.file('key'), 'utf8'),
    'ssh-known-hosts': `registry.example.com ${readFileSync(keys.file('key.pub'), 'utf8')}`,
    users: `ci:${password}`,
  }
  keys.remove()
})
beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

const temp = () => readdirSync(programs.file('temp'))

describe('secrets', () => {
  /** A server that says all that it was told, where the log can hear it. */
  const gossip = `cat key >&2; echo 'berth:connected' >&2; echo '${password}' >&2; exit 255`

  test('are masked before anything else is printed', async () => {
    programs.add('ssh', gossip)
    programs.add('ssh-keygen', 'exit 0')
    const { log } = await runStep(programs, inputs, { env: { RUNNER_DEBUG: '1' } })
    const lines = log.split('\n')
    const first = lines.findIndex(line => line !== '' && !line.startsWith('::add-mask::'))
    const masked = lines.slice(0, first).map(line => line.replace('::add-mask::', ''))
    const leaves = (inputs['ssh-key'] ?? '')
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('---'))
    expect(masked).toEqual(
      expect.arrayContaining([password, Buffer.from(`ci:${password}`).toString('base64'), ...leaves]),
    )
  })

  test('are masked also when an input is wrong', async () => {
    const { log, code } = await runStep(programs, { ...inputs, domain: 'x' })
    expect(code).toBe(1)
    expect(log.indexOf(`::add-mask::${password}`)).toBeGreaterThanOrEqual(0)
    expect(log.indexOf(`::add-mask::${password}`)).toBeLessThan(log.indexOf('::error'))
  })

  test('are no part of what ssh is started with', async () => {
    programs.add('ssh', 'env >"$here/env"; printf "%s\\n" "$@" >"$here/args"; exit 255')
    programs.add('ssh-keygen', 'exit 0')
    await runStep(programs, { ...inputs, 'sudo-password': 'root please', 'ssh-user': 'deploy' })
    const started = readFileSync(programs.file('env'), 'utf8') + readFileSync(programs.file('args'), 'utf8')
    for (const secret of [password, 'root please', 'PRIVATE KEY']) expect(started).not.toContain(secret)
  })
})

test('the post step is told of the folder before there is one, and the step leaves none of ssh’s', async () => {
  programs.add(
    'ssh',
    `cp "$GITHUB_STATE" "$here/x" 2>/dev/null; cat '${programs.file('github-state')}' >"$here/state"; exit 255`,
  )
  programs.add('ssh-keygen', 'exit 0')
  const { state } = await runStep(programs, inputs)
  const folder = /^folder=(.*)$/m.exec(readFileSync(programs.file('state'), 'utf8'))?.[1] ?? ''
  expect(folder.startsWith(programs.file('temp'))).toBe(true)
  expect(state).toContain(`folder=${folder}\n`)
  expect(existsSync(`${folder}/ssh`)).toBe(false)
})

test('a cancelled job ends what runs, leaves nothing secret and says so by its exit code', async () => {
  programs.add('ssh', 'echo $$ >"$here/pid"; exec sleep 600')
  const { code } = await runStep(programs, inputs, {
    async started(child) {
      while (!existsSync(programs.file('pid'))) await new Promise(resolve => setTimeout(resolve, 20))
      child.kill('SIGINT')
    },
  })
  expect(code).toBe(130)
  const pid = Number(readFileSync(programs.file('pid'), 'utf8'))
  expect(() => process.kill(pid, 0)).toThrow()
  for (const folder of temp()) expect(readdirSync(programs.file(`temp/${folder}`))).toEqual([])
})

describe('the event', () => {
  const image = {
    ...defaults,
    mode: 'push',
    domain: 'registry.example.com',
    users: `ci:${password}`,
    image: './app.tar => app',
  }
  /** What is wrong with the inputs, for which the event's tags have to do. */
  async function problems(payload: string | undefined, env: Record<string, string>) {
    if (payload !== undefined) writeFileSync(programs.file('event.json'), payload)
    const { log } = await runStep(programs, image, {
      env: { ...env, GITHUB_EVENT_PATH: programs.file('event.json') },
    })
    return log
  }

  test.each(['x', 'null', '{"repository":null,"pull_request":7,"number":"y"}'])(
    'of another shape is none: %j',
    async payload => {
      const log = await problems(payload, {})
      expect(log).toMatch(/tags: is empty/)
      expect(log).not.toMatch(/TypeError|SyntaxError|at .*main\.ts/)
    },
  )

  test('tells the tags', async () => {
    programs.add('skopeo', 'exit 0')
    expect(await problems('{"pull_request":{"number":7}}', { GITHUB_EVENT_NAME: 'pull_request' })).toContain(
      'there is no ./app.tar in the workspace',
    )
  })
})
