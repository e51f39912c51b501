import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Endpoint } from '../../src/registry/endpoint.ts'
import { Transient } from '../../src/registry/retry.ts'
import { Host, identity, right, user } from './host.ts'

let host: Host
let endpoint: Endpoint
beforeEach(async () => {
  host = new Host()
  await host.open()
  endpoint = new Endpoint('localhost', identity.cert, { port: host.port })
})
afterEach(async () => {
  endpoint.close()
  await host.close()
})

test('a registry that is well shows its certificate, to a stranger first', async () => {
  expect((await endpoint.verify(user)).subject).toBe('CN=berth')
  expect(host.heard[0]).toBeUndefined()
  expect(host.heard.slice(1)).toContain(right)
  host.heard = []
  expect((await endpoint.certificate()).subject).toBe('CN=berth')
  expect(host.heard).toEqual([undefined])
})

test('one that was not well for a moment shows it over the same connection', async () => {
  host.ill = [502, 503]
  await expect(endpoint.verify(user)).rejects.toThrow(Transient)
  await expect(endpoint.verify(user)).rejects.toThrow('is answered with 503')
  expect(host.connections).toBe(1)
  expect((await endpoint.verify(user)).subject).toBe('CN=berth')
})

describe('a lock that does not hold is named', () => {
  const unlocked = 'lets people in without a password or with a wrong one'
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
    ['it is something else', () => 404, user, 'should ask for credentials, but answers 404'],
    ['nobody is let in', () => 401, user, 'does not let `ci` in (401)'],
    ['it should be open and is not', () => 401, undefined, 'should be open to everybody, but answers 401'],
  ])('%s', async (_, answer, as, sentence) => {
    host.answers = answer
    await expect(endpoint.verify(as)).rejects.toMatchObject({
      topic: 'registryLogin',
      message: expect.stringContaining(sentence),
    })
  })

  test.each(['GET /v2/_catalog', 'GET \\S+/manifests/', 'GET \\S+/blobs/', 'PUT '])(
    'only %s asks for no password',
    async asked => {
      host.answers = (given, what) => (new RegExp(asked).test(what) || given === right ? 200 : 401)
      await expect(endpoint.verify(user)).rejects.toThrow(unlocked)
    },
  )

  test('a cache gives everybody what a user was answered', async () => {
    let kept = false
    host.answers = given => {
      kept ||= given === right
      return kept ? 200 : 401
    }
    await expect(endpoint.verify(user)).rejects.toThrow(unlocked)
  })

  test('a wrong password is answered otherwise', async () => {
    host.answers = given => (given === right ? 200 : given ? 404 : 401)
    await expect(endpoint.verify(user)).rejects.toMatchObject({
      topic: 'endpoint',
      message: expect.stringContaining('404'),
    })
  })

  test('who is held up for guessing is not let in', async () => {
    host.answers = given => (given === right ? 200 : given ? 429 : 401)
    await endpoint.verify(user)
  })

  test('an open registry has none', async () => {
    host.answers = () => 200
    await endpoint.verify(undefined)
  })
})

test.each([
  [200, true],
  [401, true],
  [404, false],
])('a registry that asks for itself, and answers %i, is well: %s', async (status, well) => {
  host.answers = () => status
  const verified = endpoint.verify(user, true)
  if (well) await verified
  else await expect(verified).rejects.toMatchObject({ topic: 'registryLogin' })
  // With what it wants to be told is between it and its users.
  expect(host.heard).toEqual([undefined])
})

describe('new passwords', () => {
  test('may take a moment', async () => {
    host.ill = [401, 401]
    await endpoint.admit([user])
    expect(host.heard).toEqual([right, right, right])
  })

  test('none is nothing to prove', async () => {
    await endpoint.admit([])
    expect(host.heard).toEqual([])
  })
})

test('a server that has gone is passing only if it was there', async () => {
  await endpoint.verify(user)
  await host.close()
  await expect(endpoint.ask('GET', '/v2/')).rejects.toThrow(Transient)
  const strange = new Endpoint('localhost', identity.cert, { port: host.port })
  await expect(strange.ask('GET', '/v2/')).rejects.not.toThrow(Transient)
  await expect(strange.ask('GET', '/v2/')).rejects.toMatchObject({ topic: 'endpoint' })
  await host.open()
})
