import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { selfSigned } from './pem.ts'
import { Programs } from './programs.ts'
import { recorded } from './recorded.ts'
import { defaults, runStep } from './step.ts'

// Each starts the whole step, which takes its time on a machine with other work.
jest.setTimeout(30_000)

const { desired, output: facts } = recorded('trixie', 'ready')
const own = selfSigned(desired.domain)
let inputs: Record<string, string>
let programs: Programs

beforeAll(() => {
  const keys = new Programs()
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keys.file('key')])
  inputs = {
    ...defaults,
    mode: 'plan',
    domain: desired.domain,
    'ssh-key': readFileSync(keys.file('key'), 'utf8'),
    'ssh-known-hosts': `${desired.domain} ${readFileSync(keys.file('key.pub'), 'utf8')}`,
    users: 'ci:nHzd4vQOYmF0o6xq8xJm0p1pZtVb2c3d',
    // Of one’s own: no authority is asked, nor DNS.
    certificate: own.cert,
    'certificate-key': own.key,
  }
  keys.remove()
})
beforeEach(() => {
  programs = new Programs()
  // The first script is answered as that server did; then the connection is held until it is ended.
  writeFileSync(programs.file('facts'), facts)
  programs.add(
    'ssh',
    `echo berth:connected >&2
while IFS= read -r line; do
  if [ "$line" = 'echo berth:ran' ]; then cat "$here/facts"; echo berth:ran; fi
done`,
  )
})
afterEach(() => programs.remove())

/** Outputs, as @actions/core writes them. */
const outputs = (text: string) =>
  Object.fromEntries(
    [...text.matchAll(/^([\w-]+)<<(\S+)\n([\s\S]*?)\n?\2$/gm)].map(([, name, , value]) => [name, value]),
  )

test('a plan is told in the log, the outputs and the summary, and what is masked is in none of them', async () => {
  // In the step’s own process too, it leaves out what the recordings are too old for.
  const env = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'recorded.ts')}` }
  const { code, log, output, summary } = await runStep(programs, inputs, { env })
  expect(code).toBe(0)
  expect(log).toContain('+ users: add ci')
  const { plan = '[]', ...others } = outputs(output)
  expect(others).toEqual({
    registry: desired.domain,
    changed: 'true',
    deleted: '[]',
    freed: '0',
    images: '',
    digest: '',
    'certificate-expires': '',
  })
  expect(JSON.parse(plan)).toContainEqual({ resource: 'users', action: 'create', summary: 'add ci' })
  expect(summary).toContain('this was only a look')
  for (const text of [output, summary, log.replace(/^::add-mask::.*$/gm, '')])
    expect(text).not.toMatch(/nHzd4vQO|PRIVATE KEY|\$2[aby]\$/)
})

test('a failure is an annotation with its topic, a summary with its help, and an exit code', async () => {
  programs.add(
    'ssh',
    `echo 'ssh: connect to host ${desired.domain} port 22: Connection refused' >&2; exit 255`,
  )
  programs.add('ssh-keygen', 'exit 0')
  const env = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_ACTION_REPOSITORY: 'o/berth',
    GITHUB_ACTION_REF: 'v1',
  }
  const { code, log, summary } = await runStep(programs, inputs, { env })
  const page = 'https://github.com/o/berth/blob/v1/docs/troubleshooting.md#ssh-does-not-reach-the-server'
  expect(code).toBe(1)
  expect(log).toMatch(
    new RegExp(
      `^::error title=Berth%3A SSH does not reach the server::nothing listens for SSH at .*%0A${page}$`,
      'm',
    ),
  )
  expect(log).not.toMatch(/^\s+at .*\.ts/m)
  expect(summary).toContain('> **Failed:** nothing listens for SSH')
  expect(summary).toContain(page)
})

test('each wrong input is an annotation, under its own topic', async () => {
  const { code, log, summary } = await runStep(programs, { ...inputs, users: 'ci', 'ssh-port': 'x' })
  expect(code).toBe(1)
  expect(log).toContain('::error title=Berth%3A Users%2C passwords and access::users: line 1 has no colon')
  expect(log).toContain('::error title=Berth%3A An input is missing or wrong::ssh-port: "x" is not')
  expect(summary).toContain('**2 inputs to correct.**')
})
