import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from '@jest/globals'
import { Preflight } from '../../../src/resources/certificate/preflight.ts'

const domain = 'registry.example.com'
let web: Server | undefined
let asked: string[] = []

afterEach(() => {
  web?.close()
  web = undefined
  asked = []
})

/** A web server on a port of its own that answers every request so. */
async function serve(status: number, body: string): Promise<number> {
  web = createServer(({ url, headers }, outgoing) => {
    asked.push(`${headers.host} ${url}`)
    outgoing.writeHead(status).end(body)
  })
  await new Promise<void>(resolve => web?.listen(0, '::', resolve))
  return (web.address() as AddressInfo).port
}

const failing = (code: string) => async () => {
  throw Object.assign(new Error(`query ${code}`), { code })
}

describe('resolve', () => {
  test.each([
    [
      'ENOTFOUND',
      /registry\.example\.com does not exist in DNS; add an A record.*this server has 192\.0\.2\.7/,
    ],
    ['ENODATA', /neither an A nor an AAAA record/],
    ['ESERVFAIL', /DNS has no answer for registry\.example\.com \(ESERVFAIL\); check its name servers/],
  ])('%s', async (code, message) => {
    await expect(
      new Preflight(domain, { records: failing(code) }).resolve(['192.0.2.7']),
    ).rejects.toMatchObject({ topic: 'dns', message: expect.stringMatching(message) })
  })

  test.each(['127.0.0.1', '0.0.0.0', '169.254.1.1', '::1', 'fe80::1'])(
    '%s is nobody’s public address',
    async address => {
      const outside = new Preflight(domain, { records: async () => [address] })
      await expect(outside.resolve([])).rejects.toMatchObject({
        topic: 'dns',
        message: expect.stringContaining(`is ${address}, which no certificate authority can reach`),
      })
    },
  )

  test('a private address may be that of a private network', async () => {
    await expect(new Preflight(domain, { records: async () => ['10.0.0.5'] }).resolve([])).resolves.toEqual([
      '10.0.0.5',
    ])
  })
})

describe('confirm', () => {
  // Loopback is nobody's public address, so this machine has to be asked under one of its others.
  const own = Object.values(networkInterfaces())
    .flatMap(each => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  const addresses = [own?.address ?? '']

  async function confirm(status: number, body: string, local = ['192.0.2.7']) {
    const outside = new Preflight(domain, { records: async () => addresses, port: await serve(status, body) })
    await outside.resolve(local)
    return outside.confirm('abc')
  }

  test('gives the word when the token is there', async () => {
    expect(await confirm(200, 'abc')).toBeUndefined()
    expect(asked).toEqual([
      `${domain} /.well-known/acme-challenge/berth-abc`,
      `${domain} /.well-known/acme-challenge/berth-abc-seen`,
    ])
  })

  test('says what answers instead, and does not give the word', async () => {
    expect(await confirm(404, 'nginx')).toMatchObject({
      topic: 'dns',
      message: expect.stringMatching(
        /the A record of registry\.example\.com, .*, points to a web server that answers 404 instead of this server’s token; point it to this server \(this server has 192\.0\.2\.7\)/,
      ),
    })
    expect(asked.some(each => each.endsWith('-seen'))).toBe(false)
  })

  test('is not fooled by another site of the server itself, which is in the way', async () => {
    expect(await confirm(200, 'another token', addresses)).toMatchObject({
      topic: 'rival',
      message: expect.stringContaining('does another site have the same name'),
    })
    expect(asked.some(each => each.endsWith('-seen'))).toBe(false)
  })

  test('of several servers one may be down, as long as another gives the token', async () => {
    const port = await serve(200, 'abc')
    // Nobody can connect to that one.
    const both = [...addresses, '255.255.255.255']
    const several = new Preflight(domain, { records: async () => both, port }, true)
    await several.resolve([])
    expect(await several.confirm('abc')).toBeUndefined()
    expect(asked.some(each => each.endsWith('-seen'))).toBe(true)
  }, 20_000)

  test('says that nobody listens', async () => {
    const port = await serve(200, 'abc')
    web?.close()
    const outside = new Preflight(domain, { records: async () => addresses, port })
    await outside.resolve([])
    expect(await outside.confirm('abc')).toMatchObject({
      topic: 'port80',
      message: expect.stringMatching(/refuses connections on port 80; does it point to this server\?/),
    })
  })
})
