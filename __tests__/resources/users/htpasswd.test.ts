import { describe, expect, test } from '@jest/globals'
import { compareSync, hashSync } from 'bcryptjs'
import type { User } from '../../../src/desired.ts'
import { sealKey } from '../../../src/inputs/derived.ts'
import { cost, htpasswd } from '../../../src/resources/users/htpasswd.ts'

const key = sealKey('an SSH key')
const user = (name: string, password = `${name}-S7mCkD4rZ0qvXh2LwPnB9tEy`, strong = true): User => ({
  name,
  password,
  strong,
})
const person = (name: string, password = `${name} and a horse`) => user(name, password, false)
const ci = user('ci')
const alice = person('alice')
const write = (users: User[], current = '', with_ = key) => htpasswd(users, current, with_)
const entries = (content: string) => content.split('\n').filter(line => /^[^#]/.test(line))
const words = (changes: { action: string; summary: string }[]) =>
  changes.map(({ action, summary }) => `${action} ${summary}`)

describe('a file for users', () => {
  test('has a line for each, in order, with the hash that its password needs', () => {
    const { content, added, revoked } = write([ci, alice])
    expect(added).toEqual([
      { action: 'create', summary: 'add ci', subject: 'ci' },
      { action: 'create', summary: 'add alice', subject: 'alice' },
    ])
    expect(revoked).toEqual([])
    const [first = '', second = ''] = entries(content)
    expect(first).toMatch(/^ci:\{SSHA\}[A-Za-z0-9+/]{48}$/)
    expect(second).toMatch(new RegExp(`^alice:\\$2b\\$0${cost}\\$`))
    expect(compareSync(alice.password, second.slice('alice:'.length))).toBe(true)
    expect(content).not.toContain(ci.password)
  })

  test('has a salt for each, so that nobody sees who has the same password', () => {
    const hash = (name: string) => entries(write([user(name, ci.password)]).content)[0]?.split(':')[1]
    expect(new Set([hash('ci'), hash('ci'), hash('bob')]).size).toBe(3)
  })

  test('is the same, byte for byte, when nothing has changed', () => {
    const { content } = write([ci, alice])
    const again = write([ci, alice], content)
    expect(again.content).toBe(content)
    expect([again.added, again.revoked, again.gone]).toEqual([[], [], []])
    expect(again.kept).toEqual(['ci', 'alice'])
  })

  test('tells added, changed, revoked and kept users by name', () => {
    const { content } = write([ci, alice, user('bob')])
    const [, aliceLine, bobLine] = entries(content)
    const after = write([ci, person('alice', 'another horse'), user('dave')], content)
    expect(words(after.revoked)).toEqual(['update new password for alice', 'delete revoke bob'])
    expect(words(after.added)).toEqual(['create add dave'])
    expect(after.kept).toEqual(['ci'])
    expect(after.gone).toEqual([aliceLine, bobLine])
    expect(entries(after.content)[0]).toBe(entries(content)[0])
  })

  test('narrowed, it lets nobody in who did not get in before', () => {
    const { content } = write([ci, user('bob')])
    const { narrowed } = write([ci, user('dave')], content)
    expect(entries(narrowed).map(line => line.split(':')[0])).toEqual(['ci'])
  })
})

describe('a line from elsewhere', () => {
  test.each([
    ['bcrypt of a machine’s password', ci, (password: string) => hashSync(password, 5), /^ci:\{SSHA\}/],
    [
      'bcrypt that is too weak for a person',
      alice,
      (password: string) => hashSync(password, 5),
      /^alice:\$2b\$08\$/,
    ],
    [
      'bcrypt that holds up everybody',
      alice,
      (password: string) => hashSync(password, 10),
      /^alice:\$2b\$08\$/,
    ],
  ])('%s: is made anew, and nobody notices', (_, who, hash, expected) => {
    const line = `${who.name}:${hash(who.password)}`
    const after = write([who], `${line}\n`)
    expect(entries(after.content)[0]).toMatch(expected)
    expect([after.added, after.revoked]).toEqual([[], []])
    expect(after.kept).toEqual([who.name])
    expect(after.gone).toEqual([line])
  })

  // At cost 31, comparing a single password would take days.
  test.each(['00', '13', '31', '99'])('bcrypt of cost %s: counts as another password, at once', cost => {
    const line = `alice:$2y$${cost}$${'.'.repeat(53)}`
    const after = write([alice], `${line}\n`)
    expect(words(after.revoked)).toEqual(['update new password for alice'])
    expect(entries(after.content)[0]).toMatch(/^alice:\$2b\$08\$/)
    expect(after.gone).toEqual([line])
  })

  test('that suits its password is kept', () => {
    const line = `alice:${hashSync(alice.password, cost)}`
    expect(entries(write([alice], `${line}\n`).content)).toEqual([line])
  })

  test.each([
    [
      'damaged',
      'ci:\0\0\n\0\uFFFD:x\nalice:$2b$05$\0\n',
      ['update new password for ci', 'delete revoke alice'],
    ],
    [
      'edited by hand',
      `garbage\neve\x1b[31m:{SHA}abc\nmallory:{PLAIN}x\r\n`,
      ['delete revoke eve??31m', 'delete revoke mallory'],
    ],
    ['a password in the clear', 'ci:{PLAIN}x\n', ['update new password for ci']],
    ['a hash that is cut short', 'ci:{SSHA}abc\n', ['update new password for ci']],
  ])('%s: lets nobody in', (_, current, expected) => {
    const after = write([ci], current)
    expect(entries(after.content)).toHaveLength(1)
    expect(after.content).not.toContain('PLAIN')
    expect(words(after.revoked)).toEqual(expected)
  })
})

describe('seals', () => {
  test('spare bcrypt', () => {
    const { content } = write([alice])
    // No password verifies against this hash: only the seal can say that it is right.
    const line = `alice:$2b$08$${'.'.repeat(53)}`
    expect(write([alice], content.replace(/^alice:.*$/m, line)).kept).toEqual([])
    expect(write([alice], content).kept).toEqual(['alice'])
  })

  test('hold for this name, password, line and key only', () => {
    const { content } = write([alice])
    const [seal] = content.split('\n')
    expect(seal).toMatch(/^# sealed [\w-]{43}$/)
    expect(write([person('alice', 'another horse')], content).revoked).toHaveLength(1)
    // Copied before the line of somebody else, it says nothing.
    const alien = `${seal}\nbob:$2b$08$${'.'.repeat(53)}\n`
    expect(write([person('bob', alice.password)], alien).revoked).toHaveLength(1)
  })

  test('of other SSH keys stay, so that two workflows do not undo each other', () => {
    const first = write([alice])
    const second = write([alice], first.content, sealKey('another SSH key'))
    expect(second.kept).toEqual(['alice'])
    expect(second.content).not.toBe(first.content)
    expect(write([alice], second.content).content).toBe(second.content)
    expect(write([alice], second.content, sealKey('another SSH key')).content).toBe(second.content)
  })

  test('are not needed where the hash is fast', () => {
    expect(write([ci]).content).not.toContain('#')
  })
})
