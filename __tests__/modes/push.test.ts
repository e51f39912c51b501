import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Failure } from '../../src/failure.ts'
import { deliver, push } from '../../src/modes/push.ts'
import { DiskFull } from '../../src/publish/failure.ts'
import type { Local } from '../../src/publish/sources.ts'
import { type Endpoint, Unlocked } from '../../src/registry/endpoint.ts'
import type { Server } from '../../src/server/server.ts'
import { selfSigned } from '../pem.ts'
import { Programs } from '../programs.ts'
import { Engine, json } from '../runner/engine.ts'
import { scene } from './scene.ts'

const certificate = new X509Certificate(selfSigned('registry.example.com').cert)

/** A registry that lets in, and has no image. */
function registry() {
  const asked: string[] = []
  const endpoint = {
    verify: async () => {
      asked.push('verify')
      return certificate
    },
    ask: async (method: string, path: string) => {
      asked.push(`${method} ${path}`)
      return { status: 404, headers: {}, body: '', certificate }
    },
  } as unknown as Endpoint
  return { asked, endpoint }
}

let programs: Programs
let engine: Engine | undefined
const config = process.env.XDG_CONFIG_HOME
beforeEach(() => {
  programs = new Programs()
  process.env.XDG_CONFIG_HOME = programs.file('config')
})
afterEach(async () => {
  await engine?.close()
  engine = undefined
  programs.remove()
  if (config === undefined) delete process.env.XDG_CONFIG_HOME
  else process.env.XDG_CONFIG_HOME = config
})

test('what was seen while the server was looked at is not asked again', async () => {
  const { inputs, context } = scene({})
  const { asked, endpoint } = registry()
  expect(await deliver(endpoint, [], inputs, context, Promise.resolve(certificate))).toMatchObject({
    certificate,
    pushed: [],
  })
  expect(asked).toEqual([])
  await deliver(endpoint, [], inputs, context, Promise.resolve(undefined))
  expect(asked).toEqual(['verify'])
})

test('a private authority is trusted by Docker before it pushes, and the post step knows of it first', async () => {
  engine = await Engine.open(programs, ({ url }, response) =>
    json(response, 200, url?.endsWith('/info') ? { SecurityOptions: ['name=rootless'] } : {}),
  )
  const { inputs, context, events } = scene({})
  const folder = programs.file('berth-0badcafe')
  const file = join(programs.file('config'), 'docker/certs.d', inputs.desired.domain, 'berth-0badcafe.crt')
  let trusted = ''
  let told = false
  const local: Local = {
    id: 'sha256:1',
    repository: 'app',
    tags: ['v1'],
    client: 'Docker',
    size: 0,
    async push() {
      trusted = readFileSync(file, 'utf8')
      return Promise.reject(new Error('denied'))
    },
  }
  const leaves = (path: string) => {
    told = path === file && !existsSync(file)
    events.push('leaves')
  }
  await expect(
    deliver(registry().endpoint, [local], inputs, { ...context, folder, leaves }),
  ).rejects.toMatchObject({
    topic: 'pushRights',
  })
  expect(trusted).toBe(inputs.desired.acme.ca)
  expect(told).toBe(true)
  expect((statSync(folder).mode & 0o777).toString(8)).toBe('700')
})

test('without one, and without Docker, nothing is left on the runner', async () => {
  const { inputs, context, events } = scene({})
  const desired = { ...inputs.desired, acme: { ...inputs.desired.acme, ca: undefined } }
  const pushing = (client: 'Docker' | 'skopeo'): Local => ({
    ...{ id: 'sha256:1', repository: 'app', tags: ['v1'], size: 0, client },
    push: () => Promise.reject(new Error('denied')),
  })
  await expect(
    deliver(registry().endpoint, [pushing('Docker')], { ...inputs, desired }, context),
  ).rejects.toThrow()
  await expect(deliver(registry().endpoint, [pushing('skopeo')], inputs, context)).rejects.toThrow()
  expect(events.filter(each => each.startsWith('leaves'))).toEqual([])
})

test('a full disk is told with what to do about it', async () => {
  const { inputs, context } = scene({})
  const failing = { ...context, group: () => Promise.reject(new DiskFull('the server’s disk is full')) }
  await expect(push(inputs, failing)).rejects.toMatchObject({
    topic: 'diskFull',
    message: 'the server’s disk is full. Delete what is not needed on the server, or enlarge its disk',
  })
})

describe('through SSH', () => {
  const archive: Local = {
    ...{ id: 'sha256:1', repository: 'app', tags: ['v1'], size: 0, client: 'skopeo' },
    push: () => Promise.reject(new Error('never asked')),
  }

  test.each([
    ['has no registry', 'berth:end\n', 'noRegistry', /has no registry in \/opt\/berth; set it up/],
    [
      'is full, though nginx is not asked',
      'berth:registry=yes\nberth:full=yes\nberth:end\n',
      'diskFull',
      /the server’s disk is full, so nothing can be pushed/,
    ],
  ])('a server that %s is told before anything is pushed', async (_, said, topic, message) => {
    const { inputs, context } = scene({ seen: () => said }, { throughSsh: true })
    const desired = { ...inputs.desired, acme: { ...inputs.desired.acme, ca: undefined } }
    await expect(
      deliver(registry().endpoint, [archive], { ...inputs, desired }, context),
    ).rejects.toMatchObject({ topic, message: expect.stringMatching(message) })
  })

  test('a way that sshd does not open is told with what may forbid it, also for this key alone', async () => {
    const { inputs, context } = scene({}, { throughSsh: true })
    const desired = { ...inputs.desired, acme: { ...inputs.desired.acme, ca: undefined } }
    const server = {
      run: async () => 'berth:registry=yes\nberth:end\n',
      forward: async () => '/nowhere',
      close: async () => {},
    }
    const servers = [server as unknown as Server]
    await expect(
      deliver(registry().endpoint, [archive], { ...inputs, desired }, { ...context, servers }),
    ).rejects.toMatchObject({
      topic: 'connection',
      message: expect.stringMatching(
        /`AllowStreamLocalForwarding`.* add `port-forwarding` where .*`restrict`/,
      ),
    })
  })

  test('that clients can’t reach the registry is a warning, unless this job’s Docker is to stay logged in', async () => {
    const { inputs, context, events } = scene({}, { throughSsh: true })
    const endpoint = {
      verify: () => Promise.reject(new Failure('endpoint', 'registry.example.com does not answer')),
    } as unknown as Endpoint
    const delivered = await deliver(endpoint, [], inputs, context)
    expect([delivered.certificate, delivered.pushed]).toEqual([undefined, []])
    expect(events).toContain(
      'warned endpoint: clients can’t reach the registry from this runner: registry.example.com does not answer',
    )
    await expect(deliver(endpoint, [], { ...inputs, login: true }, context)).rejects.toThrow(
      'does not answer',
    )
    await expect(deliver(endpoint, [], { ...inputs, throughSsh: false }, context)).rejects.toThrow(
      'does not answer',
    )
    const open = {
      verify: () => Promise.reject(new Unlocked('registryLogin', 'registry.example.com lets people in')),
    } as unknown as Endpoint
    await expect(deliver(open, [], inputs, context)).rejects.toThrow('lets people in')
  })
})
