import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { environment, start } from '../../src/runner/process.ts'
import { Programs } from '../programs.ts'

const never = new AbortController().signal
const env = { PATH: process.env.PATH ?? '' }

let programs: Programs
beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

/** Whether a process is at work: a zombie, which nobody has waited for, is not. */
function isAlive(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function until(done: () => boolean): Promise<void> {
  const late = Date.now() + 5000
  while (!done() && Date.now() < late) await new Promise(resolve => setTimeout(resolve, 10))
}

describe('a program', () => {
  test('is told by its lines, its output and its exit code', async () => {
    const lines: string[] = []
    const { end } = start('sh', ['-c', 'read x; echo "$x"; echo err >&2; exit 3'], {
      env,
      cancelled: never,
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    })
    expect(await end('in\n')).toEqual({ code: 3, stdout: 'in\n', stderr: 'err\n' })
    expect(lines.sort()).toEqual(['stderr err', 'stdout in'])
  })

  test('that is not there is an error', async () => {
    await expect(
      start('berth-has-no-such-program', [], { env, cancelled: never }).ended,
    ).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  test('that does not read its input is no error', async () => {
    const { end } = start('true', [], { env, cancelled: never })
    expect((await end('x'.repeat(1 << 20))).code).toBe(0)
  })
})

describe('a program that is ended', () => {
  // The child that ssh starts for a jump host, for instance.
  const family = `sleep 600 & echo $! >"$PIDS"; wait`

  async function ended(end: (started: ReturnType<typeof start>, cancelled: AbortController) => void) {
    const cancelled = new AbortController()
    const pids = programs.file('pids')
    const started = start('sh', ['-c', family], {
      env: { ...env, PIDS: pids },
      cancelled: cancelled.signal,
    })
    await until(() => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'))
    const child = readFileSync(pids, 'utf8').trim()
    expect(isAlive(child)).toBe(true)
    end(started, cancelled)
    const result = await started.ended
    await until(() => !isAlive(child))
    return { code: result.code, child: isAlive(child) }
  }

  test('by a cancelled job takes its children along', async () => {
    expect(await ended((_, cancelled) => cancelled.abort())).toEqual({ code: 255, child: false })
  })

  test('by us takes its children along', async () => {
    expect(await ended(({ kill }) => kill())).toEqual({ code: 255, child: false })
  })

  test('before it began has not begun', async () => {
    const { ended } = start('sleep', ['600'], { env, cancelled: AbortSignal.abort() })
    expect((await ended).code).toBe(255)
  })
})

describe('what a child is told of our environment', () => {
  const before = { ...process.env }
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })

  test.each([
    'DOCKER_HOST',
    'DOCKER_CONFIG',
    'DOCKER_CONTEXT',
    'HTTPS_PROXY',
    'no_proxy',
    'RUNNER_TRACKING_ID',
    'HOME',
  ])('%s is its to know', name => {
    process.env[name] = 'x'
    expect(environment()).toHaveProperty([name], 'x')
  })

  test.each([
    'INPUT_SSH-KEY',
    'INPUT_USERS',
    'INPUT_PATH',
    'GITHUB_TOKEN',
    'GITHUB_ENV',
    'GITHUB_OUTPUT',
    'ACTIONS_RUNTIME_TOKEN',
    'STATE_folder',
    'NODE_OPTIONS',
    'LD_PRELOAD',
    'BERTH_USERS',
    'MY_DOCKER_HOST',
    'DOCKER_PASSWORD',
  ])('%s is not', name => {
    process.env[name] = 'x'
    expect(environment()).not.toHaveProperty([name])
  })
})
