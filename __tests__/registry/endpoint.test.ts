import { createServer, type Server } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Endpoint } from '../../src/registry/endpoint.ts'
import { Transient } from '../../src/registry/retry.ts'
import { selfSigned } from '../pem.ts'

const user = { name: 'ci', password: 'a password' }
const right = `Basic ${Buffer.from('ci:a password').toString('base64')}`
const identity = selfSigned('localhost')

let server: Server
let port: number
let endpoint: Endpoint
/** What the server answers before it is well, one a request. */
let ill: number[]
/** What it answers then. */
let answers: (authorization: string | undefined) => number
let connections: number
let heard: (string | undefined)[]

async function serve({ key, cert }: { key: string; cert: string }): Promise<void> {
  server = createServer({ key, cert }, ({ headers }, response) => {
    heard.push(headers.authorization)
    response.statusCode = ill.shift() ?? answers(headers.authorization)
    response.setHeader('www-authenticate', 'Basic realm="x"').end('words')
  })
  server.on('secureConnection', () => connections++)
  await new Promise<void>(resolve => server.listen(0, resolve))
  port = (server.address() as AddressInfo).port
}

beforeEach(async () => {
  ill = []
  answers = given => (given === right ? 200 : 401)
  connections = 0
  heard = []
  await serve(identity)
  endpoint = new Endpoint('localhost', identity.cert, { port })
})
afterEach(async () => {
  endpoint.close()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

test('a registry that is well shows its certificate, to a stranger first', async () => {
  expect((await endpoint.verify(user)).subject).toBe('CN=berth')
  expect(heard[0]).toBeUndefined()
  expect(heard.slice(1)).toContain(right)
  heard = []
  expect((await endpoint.certificate()).subject).toBe('CN=berth')
  expect(heard).toEqual([undefined])
})

test('one that was not well for a moment shows it over the same connection', async () => {
  ill = [502, 503]
  await expect(endpoint.verify(user)).rejects.toThrow(Transient)
  await expect(endpoint.verify(user)).rejects.toThrow('is answered with 503')
  expect(connections).toBe(1)
  expect((await endpoint.verify(user)).subject).toBe('CN=berth')
})

describe('a lock that does not hold is named', () => {
  const unlocked = 'lets in who has no password or a wrong one'
  const isName = (name: string) => (given: string | undefined) =>
    Buffer.from(given?.slice(6) ?? '', 'base64')
      .toString()
      .startsWith(`${name}:`)

  test.each<[string, (given: string | undefined) => number, typeof user | undefined, string]>([
    ['everybody is let in', () => 200, user, unlocked],
    ['any password is right', given => (given ? 200 : 401), user, unlocked],
    ['any password of this user is right', given => (isName('ci')(given) ? 200 : 401), user, unlocked],
    [
      'any name is',
      given => (given && (given === right || !isName('ci')(given)) ? 200 : 401),
      user,
      unlocked,
    ],
    ['it is something else', () => 404, user, 'should ask for credentials, and answers 404'],
    ['nobody is let in', () => 401, user, 'does not let `ci` in (401)'],
    ['it should be open and is not', () => 401, undefined, 'should be open to everybody, and answers 401'],
  ])('%s', async (_, answer, as, sentence) => {
    answers = answer
    await expect(endpoint.verify(as)).rejects.toMatchObject({
      topic: 'registryLogin',
      message: expect.stringContaining(sentence),
    })
  })

  test('a wrong password is answered otherwise', async () => {
    answers = given => (given === right ? 200 : given ? 404 : 401)
    await expect(endpoint.verify(user)).rejects.toMatchObject({
      topic: 'endpoint',
      message: expect.stringContaining('404'),
    })
  })

  test('who is held up for guessing is not let in', async () => {
    answers = given => (given === right ? 200 : given ? 429 : 401)
    await endpoint.verify(user)
  })

  test('an open registry has none', async () => {
    answers = () => 200
    await endpoint.verify(undefined)
  })
})

test.each([
  [200, true],
  [401, true],
  [404, false],
])('a registry that asks for itself, and answers %i, is well: %s', async (status, well) => {
  answers = () => status
  const verified = endpoint.verify(user, true)
  if (well) await verified
  else await expect(verified).rejects.toMatchObject({ topic: 'registryLogin' })
  // With what it wants to be told is between it and its users.
  expect(heard).toEqual([undefined])
})

describe('a password is told to nobody', () => {
  const told = () => heard.filter(each => each !== undefined)

  test('whose certificate no authority signed that is trusted here', async () => {
    const trusting = new Endpoint('localhost', undefined, { port })
    await expect(trusting.ask('GET', '/v2/', user)).rejects.toMatchObject({
      topic: 'trust',
      message: expect.stringContaining('give a private one as `ca`'),
    })
    const other = new Endpoint('localhost', selfSigned('localhost').cert, { port })
    await expect(other.ask('GET', '/v2/', user)).rejects.toMatchObject({ topic: 'trust' })
    expect(heard).toEqual([])
    trusting.close()
    other.close()
  })

  test('whose certificate is for another name', async () => {
    const elsewhere = new Endpoint('registry.example.com', identity.cert, { address: 'localhost', port })
    await expect(elsewhere.ask('GET', '/v2/', user)).rejects.toMatchObject({
      topic: 'servedCertificate',
      message: expect.stringContaining('is for other names (localhost)'),
    })
    expect(told()).toEqual([])
    elsewhere.close()
  })

  test('who does not speak TLS', async () => {
    const plain = createTcpServer(socket => socket.on('error', () => {}).end('HTTP/1.1 400 no\r\n\r\n'))
    await new Promise<void>(resolve => plain.listen(0, resolve))
    const asked = new Endpoint('localhost', undefined, { port: (plain.address() as AddressInfo).port })
    await expect(asked.ask('GET', '/v2/', user)).rejects.toMatchObject({ topic: 'endpoint' })
    asked.close()
    plain.close()
  })
})

test('a private authority is trusted besides the public ones, not instead of them', async () => {
  const tls = await import('node:tls')
  jest.unstable_mockModule('node:tls', () => ({ ...tls, rootCertificates: [identity.cert] }))
  // As another module, for this one has read the real ones.
  const module: string = '../../src/registry/endpoint.ts?public'
  const asked: Endpoint = new (await import(module)).Endpoint('localhost', selfSigned('localhost').cert, {
    port,
  })
  expect((await asked.certificate()).subject).toBe('CN=berth')
  asked.close()
})

describe('new passwords', () => {
  test('may take a moment', async () => {
    ill = [401, 401]
    await endpoint.admit([user])
    expect(heard).toEqual([right, right, right])
  })

  test('none is nothing to prove', async () => {
    await endpoint.admit([])
    expect(heard).toEqual([])
  })
})

test.each([
  [401, 'pushRights'],
  [403, 'pushRights'],
  [404, 'endpoint'],
  [500, 'endpoint'],
])('an answer of %i is explained under %s', (status, topic) => {
  const failure = endpoint.refused({ status, headers: {}, body: 'a\n  b', certificate: undefined }, 'app:v1')
  expect(failure).toMatchObject({ topic, message: `localhost/app:v1 is answered with ${status}: a b` })
  expect(failure instanceof Transient).toBe(status === 500)
})

test('a server that has gone is passing only if it was there', async () => {
  await endpoint.verify(user)
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  await expect(endpoint.ask('GET', '/v2/')).rejects.toThrow(Transient)
  const strange = new Endpoint('localhost', identity.cert, { port })
  await expect(strange.ask('GET', '/v2/')).rejects.not.toThrow(Transient)
  await expect(strange.ask('GET', '/v2/')).rejects.toMatchObject({ topic: 'endpoint' })
  await serve(identity)
})
