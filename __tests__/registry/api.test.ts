import { createHash } from 'node:crypto'
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { RegistryApi } from '../../src/registry/api.ts'
import { Endpoint } from '../../src/registry/endpoint.ts'
import { Transient } from '../../src/registry/retry.ts'
import { selfSigned } from '../pem.ts'

const identity = selfSigned('localhost')
const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

interface Reply {
  status: number
  headers?: Record<string, string>
  body?: string
}

let server: Server
let endpoint: Endpoint
let api: RegistryApi
/** What the registry answers, by method and path; 404 to all else. */
let replies: Record<string, Reply>
let asked: {
  line: string
  accept: string | undefined
  type: string | undefined
  authorization: string | undefined
  bytes: number
}[]

beforeEach(async () => {
  replies = {}
  asked = []
  server = createServer({ key: identity.key, cert: identity.cert }, (request, response) => {
    const { method, url, headers } = request
    let bytes = 0
    request.on('data', chunk => {
      bytes += chunk.length
    })
    request.on('end', () => {
      const line = `${method} ${url}`
      const { accept, authorization } = headers
      asked.push({ line, accept, type: headers['content-type'], authorization, bytes })
      const { status, headers: more = {}, body = '' } = replies[line] ?? { status: 404 }
      response.writeHead(status, more).end(body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, resolve))
  endpoint = new Endpoint('localhost', identity.cert, { port: (server.address() as AddressInfo).port })
  api = new RegistryApi(endpoint, { name: 'ci', password: 'x' })
})
afterEach(async () => {
  endpoint.close()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

const lines = () => asked.map(({ line }) => line)
const image = JSON.stringify({
  config: { digest: 'sha256:c', size: 3 },
  layers: [
    { digest: 'sha256:l', size: 4 },
    { digest: 'sha256:foreign', size: 5, urls: ['https://elsewhere'] },
  ],
})

describe('what a tag points to', () => {
  const path = 'GET /v2/team/app/manifests/v1'

  test('an image: its own digest, whatever the registry says of it', async () => {
    replies[path] = {
      status: 200,
      headers: { 'content-type': 'application/x', 'docker-content-digest': 'sha256:lie' },
      body: image,
    }
    expect(await api.manifest('team/app', 'v1')).toEqual({
      digest: sha(image),
      type: 'application/x',
      body: image,
      config: 'sha256:c',
      manifests: [],
      blobs: [
        { digest: 'sha256:c', size: 3 },
        { digest: 'sha256:l', size: 4 },
      ],
    })
    expect(asked[0]?.authorization).toBe(`Basic ${Buffer.from('ci:x').toString('base64')}`)
    expect(asked[0]?.accept).toMatch(/image\.index.*manifest\.list.*image\.manifest.*manifest\.v2/)
  })

  test('nothing', async () => {
    expect(await api.manifest('team/app', 'v1')).toBeUndefined()
  })

  test.each([
    ['half of a manifest', image.slice(0, 40)],
    ['no JSON', 'x'],
    ['null', 'null'],
    ['a list', '[1]'],
    ['other kinds', '{"config":7,"layers":{"digest":"x"},"manifests":"x"}'],
    [
      'descriptors of other kinds',
      '{"config":{"digest":7,"size":1},"layers":[null,{"digest":"x"}],"manifests":[{"size":1}]}',
    ],
  ])('%s is a manifest without parts', async (_, body) => {
    replies[path] = { status: 200, body }
    expect(await api.manifest('team/app', 'v1')).toMatchObject({
      digest: sha(body),
      config: undefined,
      manifests: [],
      blobs: [],
    })
  })

  test('an answer that is neither is thrown, and may be passing', async () => {
    replies[path] = { status: 403, body: 'denied' }
    await expect(api.manifest('team/app', 'v1')).rejects.toThrow(
      'localhost/team/app:v1 is answered with 403: denied',
    )
    replies[path] = { status: 503 }
    await expect(api.manifest('team/app', 'v1')).rejects.toThrow(Transient)
  })
})

test('a tag is given to the same bytes, of the same type', async () => {
  const path = 'PUT /v2/app/manifests/v2'
  replies[path] = { status: 201 }
  const manifest = {
    digest: sha('ä'),
    type: 'application/x',
    body: 'ä',
    config: undefined,
    manifests: [],
    blobs: [],
  }
  await api.tag('app', 'v2', manifest)
  expect(asked).toMatchObject([{ line: path, type: 'application/x', bytes: 2 }])
  replies[path] = { status: 200 }
  await expect(api.tag('app', 'v2', manifest)).rejects.toThrow('is answered with 200')
})

describe('what is missing of an image', () => {
  const index = (body: string) => ({
    ...{ digest: 'sha256:i', type: '', body: '', config: undefined, blobs: [] },
    manifests: [{ digest: sha(body), size: 1 }],
  })
  const well = () => {
    replies[`GET /v2/app/manifests/${sha(image)}`] = { status: 200, body: image }
    replies['HEAD /v2/app/blobs/sha256:c'] = { status: 200, headers: { 'content-length': '3' } }
    replies['HEAD /v2/app/blobs/sha256:l'] = { status: 200, headers: { 'content-length': '4' } }
  }

  test('nothing, and layers that are kept elsewhere are not asked for', async () => {
    well()
    expect(await api.missing('app', index(image))).toEqual([])
    expect(lines().join()).not.toContain('foreign')
  })

  test('a platform', async () => {
    well()
    delete replies[`GET /v2/app/manifests/${sha(image)}`]
    expect(await api.missing('app', index(image))).toEqual([sha(image)])
  })

  test('a layer that is gone, or has not all of its bytes', async () => {
    well()
    delete replies['HEAD /v2/app/blobs/sha256:c']
    replies['HEAD /v2/app/blobs/sha256:l'] = { status: 200, headers: { 'content-length': '2' } }
    expect((await api.missing('app', index(image))).sort()).toEqual(['sha256:c', 'sha256:l'])
  })

  test('not a layer that the registry redirects to an object storage, since it has seen it there', async () => {
    well()
    const location = 'http://127.0.0.1:1/bucket/layer?signature=x'
    replies['HEAD /v2/app/blobs/sha256:l'] = { status: 307, headers: { location } }
    delete replies['HEAD /v2/app/blobs/sha256:c']
    expect(await api.missing('app', index(image))).toEqual(['sha256:c'])
    replies['HEAD /v2/app/blobs/sha256:l'] = { status: 307 }
    await expect(api.missing('app', index(image))).rejects.toThrow('is answered with 307')
  })

  test('is not known where the registry does not say', async () => {
    well()
    replies['HEAD /v2/app/blobs/sha256:l'] = { status: 500 }
    await expect(api.missing('app', index(image))).rejects.toThrow(Transient)
  })
})

describe('a trial upload', () => {
  const begin = 'POST /v2/app/blobs/uploads/'

  test('is more than nginx lets through unasked, and taken back', async () => {
    replies[begin] = { status: 202, headers: { location: 'https://other/v2/app/blobs/uploads/1?s=1' } }
    replies['PATCH /v2/app/blobs/uploads/1?s=1'] = {
      status: 202,
      headers: { location: '/v2/app/blobs/uploads/1?s=2' },
    }
    expect(await api.trialUpload('app')).toBe('')
    expect(asked[1]?.bytes).toBeGreaterThan(1 << 20)
    expect(lines().at(-1)).toBe('DELETE /v2/app/blobs/uploads/1?s=2')
  })

  test('that is refused says so', async () => {
    replies[begin] = { status: 403, body: 'no space left' }
    expect(await api.trialUpload('app')).toBe('403 no space left')
    expect(lines()).toHaveLength(1)
  })

  test('that fails half way says so, and is taken back', async () => {
    replies[begin] = { status: 202, headers: { location: '/v2/app/blobs/uploads/1' } }
    replies['PATCH /v2/app/blobs/uploads/1'] = { status: 500, body: 'full' }
    expect(await api.trialUpload('app')).toBe('500 full')
    expect(lines().at(-1)).toBe('DELETE /v2/app/blobs/uploads/1')
  })
})

test('the configuration of an image', async () => {
  replies['GET /v2/app/blobs/sha256:c'] = { status: 200, body: '{}' }
  expect(await api.config('app', 'sha256:c')).toBe('{}')
  await expect(api.config('app', 'sha256:d')).rejects.toThrow('is answered with 404')
})

describe('the configuration of an image that is in an object storage', () => {
  const path = 'GET /v2/app/blobs/sha256:c'
  const redirect = (location: string) => {
    replies[path] = { status: 307, headers: { location }, body: 'moved' }
  }
  let storage: HttpServer
  let heard: { url: string | undefined; headers: IncomingHttpHeaders }[]
  let answer: (response: ServerResponse) => unknown

  beforeEach(async () => {
    heard = []
    answer = response => response.end('{"os":"linux"}')
    storage = createHttpServer(({ url, headers }, response) => {
      heard.push({ url, headers })
      answer(response)
    })
    await new Promise<void>(resolve => storage.listen(0, '127.0.0.1', resolve))
    redirect(`http://127.0.0.1:${(storage.address() as AddressInfo).port}/c?signature=x`)
  })
  afterEach(async () => {
    storage.closeAllConnections()
    await new Promise(resolve => storage.close(resolve))
  })

  test('is read there, without the login', async () => {
    expect(await api.config('app', 'sha256:c')).toBe('{"os":"linux"}')
    expect(heard.map(({ url }) => url)).toEqual(['/c?signature=x'])
    expect(heard[0]?.headers.authorization).toBeUndefined()
  })

  test('also by HTTPS, if it is the same authority’s', async () => {
    redirect(`https://localhost:${(server.address() as AddressInfo).port}/c`)
    replies['GET /c'] = { status: 200, body: '{}' }
    expect(await api.config('app', 'sha256:c')).toBe('{}')
    expect(asked.at(-1)).toMatchObject({ line: 'GET /c', authorization: undefined })
    redirect('/c')
    expect(await api.config('app', 'sha256:c')).toBe('{}')
  })

  test.each<[string, () => void]>([
    ['refuses', () => (answer = response => response.writeHead(403).end('no'))],
    ['sends elsewhere', () => (answer = response => response.writeHead(307, { location: '/c' }).end())],
    ['breaks off', () => (answer = response => response.destroy())],
    ['has no end', () => (answer = response => response.end(Buffer.alloc(17 << 20)))],
    ['is silent', () => (answer = () => undefined)],
    ['is nowhere', () => redirect('http://127.0.0.1:1/c')],
    ['can’t be trusted', () => redirect('https://127.0.0.1:1/c')],
    ['is of another kind', () => redirect('ftp://127.0.0.1/c')],
    ['is no location', () => redirect('http://[')],
  ])('is not known if that %s', async (_, break_) => {
    endpoint.close()
    endpoint = new Endpoint('localhost', identity.cert, {
      port: (server.address() as AddressInfo).port,
      maxTime: 500,
    })
    api = new RegistryApi(endpoint, { name: 'ci', password: 'x' })
    break_()
    expect(await api.config('app', 'sha256:c')).toBeUndefined()
    expect(heard.length).toBeLessThan(2)
  })
})
