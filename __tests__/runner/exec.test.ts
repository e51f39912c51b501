import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { exec } from '../../src/runner/exec.ts'

let written: unknown[]
beforeEach(() => {
  written = []
  jest.spyOn(process.stdout, 'write').mockImplementation(text => written.push(text) > 0)
})
afterEach(() => {
  jest.restoreAllMocks()
  delete process.env['INPUT_SUDO-PASSWORD']
})

test('a program is told by its exit code and what it said, and the log hears nothing', async () => {
  const { code, stdout, stderr } = await exec('sh', ['-c', 'echo secret; echo err >&2; exit 3'])
  expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: 'secret\n', stderr: 'err\n' })
  expect(written.join('')).toBe('')
})

test('arguments are no shell’s', async () => {
  expect((await exec('printf', ['%s|', '$(id)', 'a b', '"', ''])).stdout).toBe('$(id)|a b|"||')
})

test('one that is not there is 127', async () => {
  expect((await exec('berth-has-no-such-program', [])).code).toBe(127)
})

test('it inherits none of our inputs', async () => {
  process.env['INPUT_SUDO-PASSWORD'] = 'secret'
  const { stdout } = await exec('env', [])
  expect(stdout).toContain('PATH=')
  expect(stdout).not.toContain('secret')
})
