import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { Failure } from '../../src/failure.ts'
import { publish } from '../../src/publish/publish.ts'
import type { Local } from '../../src/publish/sources.ts'
import type { Manifest, RegistryApi } from '../../src/registry/api.ts'
import { Transient } from '../../src/registry/retry.ts'

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const manifestOf = (id: string): Manifest => ({
  digest: sha(`manifest of ${id}`),
  type: 'application/json',
  body: id,
  config: id,
  manifests: [],
  blobs: [],
})

/** A registry in memory, and what was done to it. */
function world(tags: Record<string, string> = {}) {
  const has = new Map(Object.entries(tags).map(([tag, id]) => [tag, manifestOf(id)]))
  const done: string[] = []
  const missing: string[] = []
  const registry = {
    manifest: async (repository: string, tag: string) => has.get(`${repository}:${tag}`),
    tag: async (repository: string, tag: string, manifest: Manifest) => {
      done.push(`tag ${repository}:${tag}`)
      has.set(`${repository}:${tag}`, manifest)
    },
    missing: async () => missing,
  } as unknown as RegistryApi
  const image = (id: string, repository: string, ...own: string[]): Local => ({
    id,
    repository,
    tags: own,
    client: 'Docker',
    size: 1,
    push: async ({ tag }) => {
      done.push(`push ${repository}:${tag}`)
      has.set(`${repository}:${tag}`, manifestOf(id))
      return manifestOf(id).digest
    },
  })
  const all = (images: Local[], immutable = false) =>
    publish(images, {
      domain: 'r.example.com',
      registry,
      user: undefined,
      immutable,
      say: () => {},
      cancelled: new AbortController().signal,
    })
  const run = async (images: Local[], immutable = false) => {
    const { pushed, failure } = await all(images, immutable)
    if (failure) throw failure
    return pushed
  }
  return { has, done, missing, registry, image, run, all }
}

describe('publish', () => {
  test('pushes once and gives the other tags to what is there', async () => {
    const { image, run, done } = world()
    expect(await run([image('a', 'app', 'v1', 'v2')])).toEqual([
      { repository: 'app', tags: ['v1', 'v2'], digest: manifestOf('a').digest, known: false },
    ])
    expect(done).toEqual(['push app:v1', 'tag app:v2'])
  })

  test('tells what the registry has by then if one of several fails', async () => {
    const { image, all } = world()
    const bad: Local = { ...image('b', 'bad', 'v1'), push: () => Promise.reject(new Error('denied')) }
    expect(await all([image('a', 'app', 'v1'), bad, image('c', 'other', 'v1')])).toMatchObject({
      pushed: [{ repository: 'app' }, { repository: 'other' }],
      failure: { topic: 'pushRights', message: expect.stringContaining('may not push to r.example.com/bad') },
    })
  })

  test('sends nothing when the tags are there', async () => {
    const { image, run, done } = world({ 'app:v1': 'a' })
    await run([image('a', 'app', 'v1')])
    expect(done).toEqual([])
  })

  test('only tags, when one of the tags has the image', async () => {
    const { image, run, done } = world({ 'app:latest': 'a', 'app:v1': 'b' })
    await run([image('a', 'app', 'v1', 'latest')])
    expect(done).toEqual(['tag app:v1'])
  })

  test('immutable: refuses before anything is pushed, and takes what is the same', async () => {
    const { image, run, done } = world({ 'app:v1': 'a', 'other:v1': 'b' })
    await expect(run([image('a', 'new', 'v1'), image('a', 'other', 'v1')], true)).rejects.toMatchObject({
      topic: 'immutable',
      message: expect.stringContaining(`r.example.com/other:v1 (${manifestOf('b').digest})`),
    })
    expect(done).toEqual([])
    await run([image('a', 'app', 'v1')], true)
  })

  test('a tag that the user may not move is the user’s matter, and a registry that restarts is asked again', async () => {
    const { image, run, registry, done } = world()
    const give = registry.tag
    let asked = 0
    registry.tag = async (...what) => {
      asked += 1
      if (asked === 1) throw new Transient('endpoint', 'r.example.com/app:v2 is answered with 503')
      await give(...what)
    }
    await run([image('a', 'app', 'v1', 'v2')])
    expect(done).toEqual(['push app:v1', 'tag app:v2'])
    registry.tag = () => Promise.reject(new Failure('endpoint', 'r.example.com/app:v3 is answered with 403'))
    await expect(run([image('a', 'app', 'v1', 'v3')])).rejects.toMatchObject({ topic: 'pushRights' })
  })

  test('immutable: refuses a tag that another workflow has taken meanwhile, pushed or given', async () => {
    const first = world()
    const taking = first.image('a', 'app', 'v1')
    const has = first.has
    const slow: Local = {
      ...taking,
      tags: ['v1', 'v2'],
      push: (...how) => {
        has.set('app:v2', manifestOf('b'))
        return taking.push(...how)
      },
    }
    await expect(first.run([slow], true)).rejects.toMatchObject({
      topic: 'immutable',
      message: expect.stringContaining('another workflow has given r.example.com/app:v2'),
    })
    expect(first.done).toEqual(['push app:v1'])
    expect(has.get('app:v2')).toEqual(manifestOf('b'))

    const second = world()
    // The first image goes alone; while it does, somebody takes the tag of the second.
    const image = second.image('a', 'first', 'v1')
    const blocking: Local = {
      ...image,
      push: (...how) => {
        second.has.set('app:v1', manifestOf('b'))
        return image.push(...how)
      },
    }
    await expect(second.run([blocking, second.image('a', 'app', 'v1')], true)).rejects.toMatchObject({
      topic: 'immutable',
    })
    expect(second.done).toEqual(['push first:v1'])
  })

  test('fails when somebody else’s image has the tag afterwards', async () => {
    const { image, run, has } = world()
    const own = image('a', 'app', 'v1')
    const overtaken: Local = {
      ...own,
      push: async (...how) => {
        const digest = await own.push(...how)
        has.set('app:v1', manifestOf('b'))
        return digest
      },
    }
    await expect(run([overtaken])).rejects.toMatchObject({
      topic: 'samePush',
      message: expect.stringContaining(`and the registry has ${manifestOf('b').digest}`),
    })
  })

  test('fails when the registry lacks a blob', async () => {
    const { image, run, missing } = world()
    missing.push('sha256:gone')
    await expect(run([image('a', 'app', 'v1')])).rejects.toThrow('lacks parts of')
  })

  test('fails when the registry has another digest than was pushed', async () => {
    const { image, run } = world()
    const pushed = { ...image('a', 'app', 'v1'), push: async () => 'sha256:other' }
    await expect(run([pushed])).rejects.toThrow(
      'was pushed as sha256:other, and the registry has no such tag',
    )
  })

  test('one image that fails lets the others end', async () => {
    const { image, run, done } = world()
    const broken: Local = { ...image('b', 'broken', 'v1'), push: () => Promise.reject(new Error('denied')) }
    await expect(run([image('a', 'app', 'v1'), broken, image('c', 'last', 'v1')])).rejects.toThrow(
      'may not push',
    )
    expect(done).toEqual(['push app:v1', 'push last:v1'])
  })
})
