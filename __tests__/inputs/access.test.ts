import { expect, test } from '@jest/globals'
import type { User } from '../../src/desired.ts'
import { readAccess } from '../../src/inputs/access.ts'
import { Reader } from '../../src/inputs/reader.ts'

const ci: User = { name: 'ci', password: 'x', strong: false }

async function read(access: string, users: User[] | null = [ci], config: Record<string, unknown> = {}) {
  const reader = new Reader(
    name => (name === 'access' ? access : ''),
    () => {},
  )
  const rights = await readAccess(reader, users, { image: 'registry:3', config })
  return { rights, mistakes: reader.mistakes.map(({ message }) => message) }
}

test('without it, nobody has fewer rights than others', async () => {
  expect(await read(' \n')).toEqual({ rights: undefined, mistakes: [] })
})

test('with it, users have the rights of its rules', async () => {
  const { rights, mistakes } = await read('ci: push')
  expect([...(rights ?? [])]).toEqual([['ci', { pull: [], push: ['**'] }]])
  expect(mistakes).toEqual([])
})

test('rules are refused where nginx lets everybody in, or does not know who comes', async () => {
  expect((await read('ci: push', null)).mistakes).toEqual([
    'access: needs users to give rights to, but `auth: none` has none',
  ])
  expect((await read('ci: push', [ci], { auth: { token: { realm: 'x' } } })).mistakes).toEqual([
    'access: needs users that nginx checks, but `registry-config` has an `auth` of its own; omit one of them',
  ])
})
