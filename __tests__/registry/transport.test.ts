import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Transient } from '../../src/registry/retry.ts'
import { Transport } from '../../src/registry/transport.ts'
import { selfSigned } from '../pem.ts'
import { Host, identity, user } from './host.ts'

let host: Host
let transport: Transport
beforeEach(async () => {
  host = new Host()
  await host.open()
  transport = new Transport('localhost', identity.cert, { port: host.port })
})
afterEach(async () => {
  transport.close()
  await host.close()
})

describe('a password is told to nobody', () => {
  const told = () => host.heard.filter(each => each !== undefined)

  test('whose certificate no authority signed that is trusted here', async () => {
    const trusting = new Transport('localhost', undefined, { port: host.port })
    await expect(trusting.ask('GET', '/v2/', user)).rejects.toMatchObject({
      topic: 'trust',
      message: expect.stringContaining('give a private one as `ca`'),
    })
    const other = new Transport('localhost', selfSigned('localhost').cert, { port: host.port })
    await expect(other.ask('GET', '/v2/', user)).rejects.toMatchObject({ topic: 'trust' })
    expect(host.heard).toEqual([])
    trusting.close()
    other.close()
  })

  test('whose certificate is for another name', async () => {
    const elsewhere = new Transport('registry.example.com', identity.cert, {
      address: 'localhost',
      port: host.port,
    })
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
    const asked = new Transport('localhost', undefined, { port: (plain.address() as AddressInfo).port })
    await expect(asked.ask('GET', '/v2/', user)).rejects.toMatchObject({ topic: 'endpoint' })
    asked.close()
    plain.close()
  })
})

test('a private authority is trusted besides the public ones, not instead of them', async () => {
  const tls = await import('node:tls')
  jest.unstable_mockModule('node:tls', () => ({ ...tls, rootCertificates: [identity.cert] }))
  // As another module, for this one has read the real ones.
  const module: string = '../../src/registry/transport.ts?public'
  const asked: Transport = new (await import(module)).Transport('localhost', selfSigned('localhost').cert, {
    port: host.port,
  })
  expect((await asked.certificate()).subject).toBe('CN=berth')
  asked.close()
})

test.each([
  [401, 'registryLogin'],
  [403, 'pushRights'],
  [404, 'endpoint'],
  [500, 'endpoint'],
])('an answer of %i is explained under %s', (status, topic) => {
  const failure = transport.refused({ status, headers: {}, body: 'a\n  b', certificate: undefined }, 'app:v1')
  expect(failure).toMatchObject({ topic, message: `localhost/app:v1 is answered with ${status}: a b` })
  expect(failure instanceof Transient).toBe(status === 500)
})

describe('an answer without an end', () => {
  /** Says `piece` again and again, as soon as it can or every 20 ms. */
  async function endless(piece: string, pause: number): Promise<void> {
    host.server.removeAllListeners('request').on('request', (_, response) => {
      response.writeHead(401)
      const more = () => {
        if (response.destroyed) return
        if (pause > 0) response.write(piece, () => setTimeout(more, pause))
        else response.write(piece, more)
      }
      more()
    })
  }

  test('is cut off when it is too long', async () => {
    await endless('x'.repeat(1 << 20), 0)
    await expect(transport.ask('GET', '/v2/')).rejects.toThrow('sends an answer that never ends')
  })

  test('and when it takes too long, though it goes on', async () => {
    await endless('x', 20)
    const hasty = new Transport('localhost', identity.cert, { port: host.port, maxTime: 500 })
    await expect(hasty.ask('GET', '/v2/')).rejects.toThrow('does not answer on port 443')
    hasty.close()
  })
})
