import { existsSync, readFileSync, statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { User } from '../../../src/desired.ts'
import { freshUsers, names, users } from '../../../src/resources/users/users.ts'
import { line } from '../../../src/shell.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
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

describe('on the server', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  const directory = () => programs.file('berth')
  const path = () => `${directory()}/htpasswd`
  const run = (chown: string, content: string, ...gone: string[]) =>
    sh(
      ['server/apply', 'resources/users/users'],
      `${chown}
nginx_group() { echo www-data; }
set -e
${line(['users_write', directory(), content, ...gone])}`,
    )
  const write = (content: string, ...gone: string[]) => run('chown() { echo "chown $*"; }', content, ...gone)

  test('only root and nginx may read the hashes', () => {
    const { code, stdout } = write('ci:{SSHA}new\n')
    expect([code, stdout]).toEqual([0, `chown root:www-data ${path()}.berth-new\n`])
    expect(readFileSync(path(), 'utf8')).toBe('ci:{SSHA}new\n')
    expect((statSync(path()).mode & 0o7777).toString(8)).toBe('640')
  })

  test.each([
    ['the first line', 'alice:$2b$08$old\nci:{SSHA}new\n'],
    ['the last', 'ci:{SSHA}new\nalice:$2b$08$old\n'],
    ['the last, without its end', 'ci:{SSHA}new\nalice:$2b$08$old'],
  ])('a hash that must be gone and is %s is told, without the hash', (_, content) => {
    const { code, stdout, stderr } = write(content, 'bob:{SSHA}old', 'alice:$2b$08$old')
    expect(code).toBe(1)
    expect(stdout).toContain('\nalice still has an old hash in htpasswd\n')
    expect(stdout + stderr).not.toContain('$2b$')
  })

  test.each([
    ['a longer one', 'alice:$2b$08$old2', 'alice:$2b$08$old'],
    ['another user’s', 'malice:$2b$08$old', 'alice:$2b$08$old'],
    ['one that it would match as a pattern', 'alice:$2b$08$old', 'alice:*'],
  ])('a hash is not taken for one that must be gone: %s', (_, there, gone) => {
    expect(write(`${there}\n`, gone).code).toBe(0)
  })

  test('a file that can’t be written is a failure', () => {
    write('ci:{SSHA}new\n')
    expect(run('chown() { false; }', 'ci:{SSHA}newer\n').code).toBe(1)
    expect(readFileSync(path(), 'utf8')).toBe('ci:{SSHA}new\n')
  })

  test('`auth: none` leaves no hashes', () => {
    write('ci:{SSHA}new\n')
    expect(sh(['resources/users/users'], `users_remove '${directory()}'`).code).toBe(0)
    expect(existsSync(path())).toBe(false)
  })
})
