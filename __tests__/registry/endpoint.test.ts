import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Endpoint } from '../../src/registry/endpoint.ts'
import { Transient } from '../../src/registry/retry.ts'

const user = { name: 'ci', password: 'a password' }

let server: Server
let endpoint: Endpoint
/** What the server answers before it is well, one a request. */
let ill: number[]
let connections: number

beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-endpoint-'))
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
  const request = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost'
  execFileSync(
    'openssl',
    ['req', ...request.split(' '), '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  )
  const identity = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(folder, { recursive: true })
  ill = []
  connections = 0
  server = createServer(identity, ({ headers }, response) => {
    response.statusCode = ill.shift() ?? (headers.authorization ? 200 : 401)
    response.setHeader('www-authenticate', 'Basic realm="x"').end()
  })
  server.on('secureConnection', () => connections++)
  await new Promise<void>(resolve => server.listen(0, resolve))
  endpoint = new Endpoint('localhost', identity.cert.toString(), {
    port: (server.address() as AddressInfo).port,
  })
})
afterEach(async () => {
  endpoint.close()
  await new Promise(resolve => server.close(resolve))
})

test('a registry that is well shows its certificate', async () => {
  expect((await endpoint.verify(user)).subject).toBe('CN=localhost')
})

test('one that was not well for a moment shows it over the same connection', async () => {
  ill = [502, 503]
  await expect(endpoint.verify(user)).rejects.toThrow(Transient)
  await expect(endpoint.verify(user)).rejects.toThrow('is answered with 503')
  expect((await endpoint.verify(user)).subject).toBe('CN=localhost')
  expect(connections).toBe(1)
})

test('one that lets everybody in, or nobody, is named', async () => {
  ill = [200]
  await expect(endpoint.verify(user)).rejects.toThrow('should ask for credentials, and answers 200')
  ill = [401, 401]
  await expect(endpoint.verify(user)).rejects.toThrow('does not let `ci` in (401)')
  await expect(endpoint.verify(undefined)).rejects.toThrow('should be open to everybody, and answers 401')
})
