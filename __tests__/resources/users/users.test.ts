import { describe, expect, test } from '@jest/globals'
import type { User } from '../../../src/desired.ts'
import { freshUsers, names, users } from '../../../src/resources/users/users.ts'
import { recorded } from '../../recorded.ts'

const { desired, facts } = recorded('trixie', 'converged')
const seen = users.read(facts, desired)
const [ci, alice] = desired.users ?? []
const bob: User = { name: 'bob', password: 'S7mCkD4rZ0qvXh2LwPnB9tEy', strong: true }
const plan = (wanted: (User | undefined)[] | null, changes: Partial<typeof seen> = {}) =>
  users.steps(
    { ...desired, users: wanted?.filter(each => each !== undefined) ?? null },
    { ...seen, ...changes },
  )
const summaries = (steps: ReturnType<typeof plan>) =>
  steps.map(({ changes, after }) => [after ?? 'at once', ...changes.map(({ summary }) => summary)])

describe('the file of users', () => {
  test.each([
    ['the same users', [ci, alice], {}, []],
    ['one who is new comes when the site is there', [ci, alice, bob], {}, [['site', 'add bob']]],
    ['one who is gone goes at once', [ci], {}, [['at once', 'revoke alice']]],
    [
      'both in one run',
      [ci, bob],
      {},
      [
        ['at once', 'revoke alice'],
        ['site', 'add bob'],
      ],
    ],
    [
      'nobody any more: only when the site has changed',
      null,
      {},
      [['site', 'everybody: nginx no longer asks for passwords']],
    ],
    [
      'readable by all',
      [ci, alice],
      { file: seen.file && { ...seen.file, mode: '644' } },
      [['at once', 'make /opt/berth/htpasswd readable by root and nginx only']],
    ],
    [
      'another group for nginx’s workers',
      [ci, alice],
      { group: 'nginx' },
      [['at once', 'make /opt/berth/htpasswd readable by root and nginx only']],
    ],
    [
      'a file of the Berth before',
      [ci, alice],
      { file: undefined, before: seen.file },
      [['at once', '/opt/berth/htpasswd, with the users that there are']],
    ],
  ])('%s', (_, wanted, changes, expected) => {
    expect(summaries(plan(wanted, changes))).toEqual(expected)
  })

  test('holds no password, and names what must be gone', () => {
    const calls = plan([ci, bob]).map(({ call }) => call)
    expect(JSON.stringify(calls)).not.toContain(bob.password)
    expect(calls[0]?.at(-1)).toMatch(/^alice:/)
    expect(calls[0]?.[2]).not.toContain('bob:')
  })

  test('is not there where the registry asks for itself', () => {
    const registry = { ...desired.registry, config: { auth: { token: {} } } }
    expect(users.steps({ ...desired, registry }, { ...seen, file: undefined })).toEqual([])
  })
})

test('whoever has a new password is to be proved', () => {
  expect(
    freshUsers(
      [ci, alice, bob].filter(each => each !== undefined),
      plan([ci, bob]),
    ),
  ).toEqual([alice, bob])
})

test('a long list of names ends with a number', () => {
  expect(names(['a', 'b'])).toBe('a, b')
  expect(names(Array.from({ length: 1000 }, (_, index) => `u${index}`))).toMatch(/^u0, .*, u49 and 950 more$/)
})
