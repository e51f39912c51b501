import { readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Dial } from '../../src/runner/dial.ts'
import { Programs } from '../programs.ts'
import { Engine, json } from './engine.ts'

let programs: Programs
let engine: Engine | undefined
let dial: Dial
beforeEach(() => {
  programs = new Programs()
  dial = new Dial()
})
afterEach(async () => {
  dial.destroy()
  await engine?.close()
  engine = undefined
  programs.remove()
  delete process.env.INPUT_USERS
})

function ask(path: string): Promise<{ body: string; connection: Duplex }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent: dial, path, headers: { host: 'docker' } })
    outgoing.on('error', error => reject(Object.assign(error, { connection: outgoing.socket })))
    outgoing.on('response', async (incoming: IncomingMessage) => {
      let body = ''
      for await (const chunk of incoming) body += chunk
      resolve({ body, connection: incoming.socket })
    })
    outgoing.end()
  })
}

test('one connection serves several requests, and knows no input of ours', async () => {
  process.env.INPUT_USERS = 'ci:secret'
  engine = await Engine.open(programs, ({ url }, response) => json(response, 200, url))
  expect((await ask('/one')).body).toBe('"/one"')
  expect((await ask('/two')).body).toBe('"/two"')
  expect(readFileSync(programs.file('dials'), 'utf8')).toBe('system dial-stdio\n')
  expect(readFileSync(programs.file('env'), 'utf8')).not.toContain('secret')
})

test.each([
  [
    'permission denied while trying to connect to the Docker daemon socket',
    'runnerDocker',
    /user may not use Docker; add it to the docker group/,
  ],
  [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.',
    'runnerDocker',
    /does not answer; start it .*: Cannot connect to the Docker daemon/,
  ],
])('why there is none: %s', async (words, topic, sentence) => {
  programs.add('docker', `echo '${words}' >&2; exit 1`)
  const { connection } = await ask('/').then(
    () => Promise.reject(new Error('it answered')),
    (error: { connection: Duplex }) => error,
  )
  expect(await dial.reason(connection)).toMatchObject({ topic, message: expect.stringMatching(sentence) })
})

test('a runner without Docker lacks a program', async () => {
  programs.alone()
  const { connection } = await ask('/').then(
    () => Promise.reject(new Error('it answered')),
    (error: { connection: Duplex }) => error,
  )
  expect(await dial.reason(connection)).toMatchObject({
    topic: 'runnerProgram',
    message: expect.stringContaining('this runner has no Docker; install it'),
  })
})
