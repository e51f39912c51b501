import { expect, test } from '@jest/globals'
import type { OnLine, Process, Result } from '../../src/runner/process.ts'
import { Connection } from '../../src/server/connection.ts'

/** A shell on a server that says nothing but what the test has it say. */
function open(greeting = '') {
  const written: string[] = []
  let hear: OnLine = () => {}
  let end: (result: Result) => void = () => {}
  const said: Result = { code: 255, stdout: '', stderr: '' }
  const ended = new Promise<Result>(resolve => {
    end = resolve
  })
  const connection = new Connection(onLine => {
    hear = onLine
    const process: Process = {
      ended,
      said,
      write: input => written.push(input),
      end: () => ended,
      kill: () => {},
    }
    return process
  }, greeting)
  const says = (line: string, stream: 'stdout' | 'stderr' = 'stdout') => {
    said[stream] += `${line}\n`
    hear(line, stream)
  }
  return { connection, written, says, end }
}

test('it is up when the server has let us in, whatever its banner says before', async () => {
  const { connection, says } = open()
  let up = false
  void connection.up.then(() => {
    up = true
  })
  says('berth:connected')
  says('Welcome to berth:connected', 'stderr')
  await Promise.resolve()
  expect(up).toBe(false)
  says('berth:connected', 'stderr')
  await connection.up
})

test('the first script runs in the same shell, after the password, and its end is not its own output', async () => {
  const { connection, written, says } = open('secret\n')
  const lines: string[] = []
  const run = connection.first('echo one\n', line => lines.push(line))
  expect(connection.free).toBe(false)
  expect(written).toEqual(['secret\necho one\n\necho berth:ran\n'])
  says('one')
  says('berth:ran')
  expect(await run).toEqual({ code: 0, stdout: 'one\n', stderr: '' })
  expect(lines).toEqual(['one'])
})

test('a script whose connection ends is told by how it ended', async () => {
  const { connection, says, end } = open()
  const run = connection.first('echo one\n', () => {})
  says('one')
  end({ code: 255, stdout: 'one\n', stderr: 'closed' })
  expect(await run).toEqual({ code: 255, stdout: 'one\n', stderr: 'closed' })
})
