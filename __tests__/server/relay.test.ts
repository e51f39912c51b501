import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

let folder: string
let registry: Server
let relay: ChildProcessByStdio<null, Readable, null>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-relay-'))
  // It answers when it has heard all.
  registry = createServer({ allowHalfOpen: true }, async socket => {
    const heard = await text(socket)
    socket.end(`heard ${heard.length}`)
  })
  await new Promise<void>(resolve => registry.listen(join(folder, 'registry'), resolve))
  const script = join(import.meta.dirname, '../../src/server/relay.pl')
  relay = spawn('perl', [script, join(folder, 'registry'), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
})
afterEach(async () => {
  relay.kill('SIGKILL')
  await new Promise(resolve => registry.close(resolve))
  rmSync(folder, { recursive: true })
})

/** The path that it says. */
async function listening(): Promise<string> {
  const [line] = await once(relay.stdout.setEncoding('utf8'), 'data')
  return /^berth:relay=(.*)\n$/.exec(line)?.[1] ?? ''
}

test('it hands on what comes, both ways, for several at once', async () => {
  const path = await listening()
  const sizes = [0, 7, 3_000_000]
  const answers = sizes.map(size => {
    const socket = connect({ path, allowHalfOpen: true })
    socket.end('x'.repeat(size))
    return text(socket)
  })
  expect(await Promise.all(answers)).toEqual(sizes.map(size => `heard ${size}`))
})

test('nobody else may use it, and nothing is left once nobody hears it', async () => {
  const path = await listening()
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  relay.stdout.destroy()
  await once(relay, 'exit')
  expect(existsSync(path)).toBe(false)
  expect(readdirSync(folder)).toEqual(['registry'])
})
