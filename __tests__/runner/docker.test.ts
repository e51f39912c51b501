import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Docker, type LocalImage, type PushMessage } from '../../src/runner/docker.ts'
import { Programs } from '../programs.ts'
import { Engine, json } from './engine.ts'

const never = new AbortController().signal
const user = { name: 'ci', password: 'päss?>word' }

let programs: Programs
let engine: Engine | undefined
beforeEach(() => {
  programs = new Programs()
})
afterEach(async () => {
  await engine?.close()
  engine = undefined
  programs.remove()
})

async function connect(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  cancelled: AbortSignal = never,
): Promise<Docker> {
  engine = await Engine.open(programs, answer)
  return Docker.connect(cancelled)
}

const asked = () => engine?.asked.map(({ method, url }) => `${method} ${url}`) ?? []

test('it speaks the version of the API that the engine does', async () => {
  const docker = await connect((_, response) => json(response, 404, {}))
  await docker.image('app')
  expect(asked()).toEqual(['GET /_ping', 'GET /v1.41/images/app/json'])
})

test('an engine that does not answer is named', async () => {
  programs.add('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1')
  await expect(Docker.connect(never)).rejects.toMatchObject({
    topic: 'runnerDocker',
    message: expect.stringContaining('does not answer; start it'),
  })
})

describe('an image', () => {
  test.each<[string, number, unknown, LocalImage | undefined]>([
    [
      'is there',
      200,
      { Id: 'sha256:1', Size: 7, RepoTags: ['app:1'] },
      { id: 'sha256:1', size: 7, names: ['app:1'] },
    ],
    ['has no name', 200, { Id: 'sha256:1', Size: 7, RepoTags: null }, { id: 'sha256:1', size: 7, names: [] }],
    [
      'has odd names',
      200,
      { Id: 'sha256:1', RepoTags: [1, 'a:b'] },
      { id: 'sha256:1', size: 0, names: ['a:b'] },
    ],
    ['is not there', 404, { message: 'No such image' }, undefined],
  ])('%s', async (_, status, body, expected) => {
    const docker = await connect((_, response) => json(response, status, body))
    expect(await docker.image('app')).toEqual(expected)
  })

  test.each([
    ['an error', 500, { message: 'driver failed' }, 'Docker can’t look at app: driver failed'],
    ['an error that is no JSON', 500, 'x', 'Docker can’t look at app: "x"'],
    ['something else', 200, [], 'is it Docker that answers?'],
    ['nothing', 200, null, 'is it Docker that answers?'],
  ])('whose engine answers with %s can’t be looked at', async (_, status, body, sentence) => {
    const docker = await connect((_, response) => json(response, status, body))
    await expect(docker.image('app')).rejects.toMatchObject({
      topic: 'runnerDocker',
      message: expect.stringContaining(sentence),
    })
  })

  test.each([
    [[{ RepoTags: ['a:1', '<none>:<none>'] }, { RepoTags: null }, {}, 'x'], ['a:1']],
    [{ message: 'no' }, []],
  ])('names, from %j', async (body, expected) => {
    const docker = await connect((_, response) => json(response, 200, body))
    expect(await docker.names()).toEqual(expected)
  })
})

test.each([
  [{ SecurityOptions: ['name=seccomp', 'name=rootless'] }, true],
  [{ SecurityOptions: ['name=seccomp'] }, false],
  [{}, false],
  ['x', false],
])('whether it runs without root, from %j', async (body, expected) => {
  const docker = await connect((_, response) => json(response, 200, body))
  expect(await docker.rootless()).toBe(expected)
})

describe('a push', () => {
  const image = { id: 'sha256:own', size: 1, names: ['app:1'] }
  /** An engine with images by reference, and what it says while it pushes. */
  function pushing(tags: Record<string, string>, lines: readonly unknown[]) {
    return connect((request, response) => {
      const url = request.url ?? ''
      const [, reference = ''] = /\/images\/(.*)\/json$/.exec(url) ?? []
      if (url.endsWith('/json')) {
        const id = tags[reference]
        json(response, id === undefined ? 404 : 200, { Id: id })
      } else if (url.includes('/tag?')) json(response, 201, {})
      else if (request.method === 'DELETE') json(response, 200, [])
      else
        response.end(
          lines.map(line => `${typeof line === 'string' ? line : JSON.stringify(line)}\r\n`).join(''),
        )
    })
  }
  const push = (docker: Docker, hear: (message: PushMessage) => void = () => {}) =>
    docker.push(image, { name: 'r.example.com/app', tag: 'v1' }, user, hear, never)
  const digest = { aux: { Tag: 'v1', Digest: 'sha256:pushed', Size: 1 } }

  test('says the digest, and leaves no tag that was not there', async () => {
    const docker = await pushing({}, [{ status: 'Preparing', id: 'a' }, digest])
    expect(await push(docker)).toBe('sha256:pushed')
    expect(asked().slice(1)).toEqual([
      'GET /v1.41/images/r.example.com/app:v1/json',
      'POST /v1.41/images/sha256:own/tag?repo=r.example.com/app&tag=v1',
      'POST /v1.41/images/r.example.com/app/push?tag=v1',
      'DELETE /v1.41/images/r.example.com/app:v1?noprune=1',
    ])
  })

  test('gives back a tag that another image had', async () => {
    const docker = await pushing({ 'r.example.com/app:v1': 'sha256:other' }, [digest])
    await push(docker)
    expect(asked().at(-1)).toBe('POST /v1.41/images/sha256:other/tag?repo=r.example.com/app&tag=v1')
  })

  test('takes the tag away also when it fails', async () => {
    const docker = await pushing({}, [{ errorDetail: {}, error: 'denied: no' }])
    await expect(push(docker)).rejects.toThrow(/^denied: no$/)
    expect(asked().at(-1)).toMatch(/^DELETE /)
  })

  test('does not delete an image with its last name', async () => {
    const docker = await pushing({}, [digest])
    await docker.push(
      { ...image, names: [] },
      { name: 'r.example.com/app', tag: 'v1' },
      user,
      () => {},
      never,
    )
    expect(asked().some(each => each.startsWith('DELETE'))).toBe(false)
  })

  test('brings the login along, as the engine reads it, and an open registry none', async () => {
    const docker = await pushing({}, [digest])
    await push(docker)
    await docker.push(image, { name: 'r.example.com/app', tag: 'v1' }, undefined, () => {}, never)
    const logins = engine?.asked.flatMap(({ headers }) => headers['x-registry-auth'] ?? []) ?? []
    expect(logins[0]).toMatch(/^[\w-]+=*$/)
    const read = (login = '') => JSON.parse(Buffer.from(String(login), 'base64url').toString())
    expect(read(String(logins[0]))).toEqual({
      username: 'ci',
      password: user.password,
      serveraddress: 'r.example.com',
    })
    expect(read(String(logins[1]))).toEqual({})
  })

  test('tells what the engine says, whatever it says besides', async () => {
    const heard: PushMessage[] = []
    const docker = await pushing({}, [
      { id: 'a', status: 'Pushing', progressDetail: { current: 1, total: 2 } },
      'no JSON',
      '[]',
      { id: 7, status: null, progressDetail: 'x', aux: 'x' },
      digest,
    ])
    await push(docker, message => heard.push(message))
    expect(heard[0]).toMatchObject({ id: 'a', status: 'Pushing', progressDetail: { current: 1, total: 2 } })
    expect(heard[3]).toMatchObject({
      id: undefined,
      status: undefined,
      progressDetail: { current: undefined },
    })
  })

  test('that is cut off may be tried again', async () => {
    const docker = await connect((request, response) => {
      if (request.url?.includes('/push')) {
        response.write('{"status":"Preparing"}\r\n')
        setTimeout(() => response.destroy(), 20)
      } else if (request.method === 'GET') json(response, 404, {})
      else json(response, 201, {})
    })
    await expect(push(docker)).rejects.toThrow('the engine closed the connection halfway (connection reset)')
  })

  test.each(['/tag?', '/push?'])('that is cancelled at %s says so, and takes its tag away', async moment => {
    const cancelled = new AbortController()
    const docker = await connect((request, response) => {
      if (request.url?.includes(moment)) cancelled.abort()
      if (request.url?.includes('/push?')) return
      if (request.method === 'GET') json(response, 404, {})
      else json(response, request.method === 'DELETE' ? 200 : 201, {})
    })
    await expect(
      docker.push(image, { name: 'r.example.com/app', tag: 'v1' }, user, () => {}, cancelled.signal),
    ).rejects.toMatchObject({ topic: 'connectionLost', message: expect.stringContaining('was cancelled') })
    expect(asked().at(-1)).toMatch(/^DELETE /)
  })

  test('of an image that can’t be tagged is not begun', async () => {
    const docker = await connect((request, response) =>
      json(response, request.method === 'GET' ? 404 : 500, { message: 'read-only' }),
    )
    await expect(push(docker)).rejects.toMatchObject({
      topic: 'runnerDocker',
      message: 'Docker can’t tag sha256:own as r.example.com/app:v1: read-only',
    })
    expect(asked().some(each => each.includes('/push'))).toBe(false)
  })
})

test('an engine that was started anew meanwhile is asked again', async () => {
  const docker = await connect((_, response) => json(response, 404, {}))
  await docker.image('one')
  // Node keeps a connection for the next request once the answer has been read.
  await new Promise(setImmediate)
  engine?.drop()
  expect(await docker.image('two')).toBeUndefined()
})
