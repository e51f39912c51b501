import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Endpoint } from '../../src/registry/endpoint.ts'
import { Gate } from '../../src/registry/gate.ts'

let folder: string
let registry: Server
let gate: Gate
let answer: { status: number; location: string }
let heard: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[]

const socket = () => join(folder, 'registry')
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-gate-'))
  heard = []
  answer = { status: 202, location: '/v2/app/blobs/uploads/1' }
  registry = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming
    let body = ''
    for await (const chunk of incoming) body += chunk
    heard.push({ method, url, headers, body })
    response.writeHead(answer.status, { location: answer.location }).end('taken')
  })
  await new Promise<void>(resolve => registry.listen(socket(), resolve))
  gate = await Gate.open(socket())
})
afterEach(async () => {
  gate.close()
  registry.closeAllConnections()
  await new Promise(resolve => registry.close(resolve))
  rmSync(folder, { recursive: true })
})

const right = () => `Basic ${Buffer.from(`${gate.user.name}:${gate.user.password}`).toString('base64')}`
const ask = (authorization?: string) =>
  fetch(`http://${gate.address}/v2/app/blobs/uploads/?x=1`, {
    method: 'POST',
    body: 'layer',
    redirect: 'manual',
    headers: authorization === undefined ? {} : { authorization },
  })

test('who has the password reaches the registry, which hears of none', async () => {
  const response = await ask(right())
  expect([response.status, response.headers.get('location'), await response.text()]).toEqual([
    202,
    '/v2/app/blobs/uploads/1',
    'taken',
  ])
  expect(heard).toMatchObject([{ method: 'POST', url: '/v2/app/blobs/uploads/?x=1', body: 'layer' }])
  expect(heard[0]?.headers).toMatchObject({ 'content-length': '5', host: gate.address })
  expect(heard[0]?.headers.authorization).toBeUndefined()
})

test.each([
  [
    'an upload continues here',
    202,
    'https://r.example.com/v2/app/blobs/uploads/1?_state=a%3D',
    '/v2/app/blobs/uploads/1?_state=a%3D',
  ],
  ['also where the host has a port', 201, 'http://r.example.com:5000/v2/app/blobs/x', '/v2/app/blobs/x'],
  ['a path stays', 202, '/v2/app/blobs/uploads/1?x=http://y', '/v2/app/blobs/uploads/1?x=http://y'],
  [
    'so does a redirect to a storage',
    307,
    'https://bucket.example.com/v2/x?signature=a%3D',
    'https://bucket.example.com/v2/x?signature=a%3D',
  ],
  ['and what is no URL', 202, 'http://[', 'http://['],
])('%s', async (_, status, location, told) => {
  answer = { status, location }
  const response = await ask(right())
  expect([response.status, response.headers.get('location')]).toEqual([status, told])
})

test.each([undefined, 'Basic YmVydGg6', 'Bearer x'])(
  '%s is asked for it, and the registry is not',
  async given => {
    const response = await ask(given)
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toMatch(/^Basic /)
    expect(heard).toEqual([])
  },
)

test('each gate has a password of its own, and is on this machine alone', async () => {
  const other = await Gate.open(socket())
  expect(other.user.password).not.toBe(gate.user.password)
  expect(other.address).toMatch(/^127\.0\.0\.1:\d+$/)
  other.close()
})

test('a connection that is lost is a failure of the server, which clients try again', async () => {
  registry.closeAllConnections()
  await new Promise(resolve => registry.close(resolve))
  expect((await ask(right())).status).toBe(502)
  await new Promise<void>(resolve => registry.listen(socket(), resolve))
})

test('an endpoint asks the same socket, without HTTPS', async () => {
  const endpoint = new Endpoint('registry.example.com', undefined, { socket: socket() })
  expect(await endpoint.ask('GET', '/v2/')).toMatchObject({
    status: 202,
    body: 'taken',
    certificate: undefined,
  })
  expect(heard[0]?.headers.host).toBe('registry.example.com')
  endpoint.close()
})
