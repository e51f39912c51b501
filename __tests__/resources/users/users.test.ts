import { describe, expect, test } from '@jest/globals'
import { compareSync, hashSync } from 'bcryptjs'
import type { User } from '../../../src/desired.ts'
import { sealKey } from '../../../src/inputs/users.ts'
import { cost, freshUsers, htpasswd, names } from '../../../src/resources/users/users.ts'

const key = sealKey('an SSH key')
const user = (name: string, password = `${name}-S7mCkD4rZ0qvXh2LwPnB9tEy`): User => ({ name, password })
const ci = user('ci')
const alice = user('alice')
const write = (users: User[], current = '', with_ = key) => htpasswd(users, current, with_)
const entries = (content: string) => content.split('\n').filter(line => /^[^#]/.test(line))

describe('htpasswd', () => {
  test('has a line for each user, in order, that the password opens', () => {
    const { content, changes } = write([ci, alice])
    expect(changes).toEqual([
      { action: 'create', summary: 'add ci', subject: 'ci' },
      { action: 'create', summary: 'add alice', subject: 'alice' },
    ])
    expect(entries(content).map(line => line.split(':')[0])).toEqual(['ci', 'alice'])
    expect(compareSync(alice.password, entries(content)[1]?.slice('alice:'.length) ?? '')).toBe(true)
    expect(content).not.toContain(ci.password)
  })

  test('is the same, byte for byte, when nothing has changed', () => {
    const { content } = write([ci, alice])
    expect(write([ci, alice], content)).toEqual({
      content,
      changes: [],
      kept: ['ci', 'alice'],
      gone: [],
    })
  })

  test('tells added, changed, revoked and kept users by name', () => {
    const { content } = write([ci, alice, user('bob')])
    const [, aliceLine, bobLine] = entries(content)
    const after = write([ci, user('alice', 'another-S7mCkD4rZ0qvXh2LwPnB'), user('dave')], content)
    expect(after.changes.map(({ action, summary }) => `${action} ${summary}`)).toEqual([
      'update new password for alice',
      'create add dave',
      'delete revoke bob',
    ])
    expect(after.kept).toEqual(['ci'])
    expect(after.gone).toEqual([aliceLine, bobLine])
    expect(entries(after.content)[0]).toBe(entries(content)[0])
    expect(freshUsers([ci, alice], [{ resource: 'users', changes: after.changes, call: ['x'] }])).toEqual([
      alice,
    ])
  })

  test('takes over lines from elsewhere if they verify ', () => {
    const own = `ci:${hashSync(ci.password, 5)}`
    const after = write([ci], `${own}\n`)
    expect(entries(after.content)).toEqual([own])
    expect(after.changes).toEqual([])
  })

  test('keeps a line that verifies, whatever it cost', () => {
    const line = `ci:${hashSync(ci.password, 6)}`
    expect(entries(write([ci], `${line}\n`).content)).toEqual([line])
  })

  test('finds nobody in a file that is damaged, and sends nothing of it', () => {
    const { content } = write([ci])
    const damaged = 'ci:\0\0\n\0\uFFFD:x\nalice:$2b$05$\0\n'
    const after = write([ci], damaged)
    expect(entries(after.content).map(line => line.split(':')[0])).toEqual(['ci'])
    expect(after.content).not.toBe(content)
    expect(after.changes.map(({ summary }) => summary)).toEqual(['new password for ci', 'revoke alice'])
    expect(after.gone).toEqual([])
  })

  test('leaves nothing of a file that was edited by hand', () => {
    const { content } = write([ci])
    const edited = `garbage\n${content}eve\x1b[31m:{SHA}abc\nalice:${hashSync('x', 4)}\r\n`
    const after = write([ci], edited)
    expect(after.content).toBe(content)
    expect(after.changes.map(({ summary }) => summary)).toEqual(['revoke eve??31m', 'revoke alice'])
  })
})

describe('seals', () => {
  test('spare the hash function', () => {
    const { content } = write([ci])
    // No password verifies against this hash: only the seal can say that it is right.
    const line = `ci:$2b$05$${'.'.repeat(53)}`
    expect(write([ci], content.replace(/^ci:.*$/m, line)).kept).toEqual([])
    expect(write([ci], content).kept).toEqual(['ci'])
    const many = Array.from({ length: 200 }, (_, index) => user(`user${index}`))
    const { content: all } = write(many)
    const started = performance.now()
    expect(write(many, all).changes).toEqual([])
    const sealed = performance.now() - started
    write(many, all.replaceAll(/^#.*\n/gm, ''))
    expect(sealed).toBeLessThan((performance.now() - started - sealed) / 4)
  })

  test('hold for this name, password, line and key only', () => {
    const { content } = write([ci])
    const [seal] = content.split('\n')
    expect(seal).toMatch(/^# sealed [\w-]{43}$/)
    const under = (users: User[], with_ = key) => write(users, content, with_).changes.length
    expect(under([user('ci', 'another-S7mCkD4rZ0qvXh2LwPnB')])).toBe(1)
    // Copied before the line of somebody else, it says nothing.
    const alien = `${seal}\nalice:$2b$05$${'.'.repeat(53)}\n`
    expect(write([user('alice', ci.password)], alien).changes).toHaveLength(1)
  })

  test('of other SSH keys stay, so that two workflows do not undo each other', () => {
    const first = write([ci])
    const second = write([ci], first.content, sealKey('another SSH key'))
    expect(second.changes).toEqual([])
    expect(second.content).not.toBe(first.content)
    expect(write([ci], second.content).content).toBe(second.content)
    expect(write([ci], second.content, sealKey('another SSH key')).content).toBe(second.content)
  })
})

test.each([
  [10, 'Tr0ub4dor&3'],
  [10, 'S7mCkD4rZ0qvXh2LwPn'],
  [10, 'abababababababababababab'],
  [4, 'S7mCkD4rZ0qvXh2LwPnB'],
  [4, 'nHzd4vQOYmF0o6xq8xJm0p1pZtVb2c3d'],
])('bcrypt’s cost is %i for %s', (expected, password) => {
  expect(cost(password)).toBe(expected)
})

test('a long list of names ends with a number', () => {
  expect(names(['a', 'b'])).toBe('a, b')
  expect(names(Array.from({ length: 1000 }, (_, index) => `u${index}`))).toMatch(/^u0, .*, u49 and 950 more$/)
})
