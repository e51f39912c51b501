import { expect, test } from '@jest/globals'
import { Reader } from '../../src/inputs/reader.ts'
import { parseUsers, readLogin, readPushUser, readUsers } from '../../src/inputs/users.ts'

const strong = 'S7mCkD4rZ0qvXh2LwPnB9tEy'

function read(text: string) {
  const problems: string[] = []
  const secrets: string[] = []
  const warnings: string[] = []
  const users = parseUsers(
    text,
    message => problems.push(message),
    message => secrets.push(message),
    message => warnings.push(message),
  )
  return { users, problems, secrets, warnings }
}

test('splits at the first colon, takes CRLF and empty lines, and keeps the password as it is', () => {
  const { users, problems } = read(`ci:a:b ${strong} \r\n\r\n\n  alice:${strong}`)
  expect(problems).toEqual([])
  expect(users).toEqual([
    { name: 'ci', password: `a:b ${strong} `, strong: true },
    { name: 'alice', password: strong, strong: true },
  ])
})

test('masks the line, the password, and what a Basic header would carry', () => {
  expect(read(`ci:${strong}`).secrets).toEqual([
    `ci:${strong}`,
    strong,
    Buffer.from(`ci:${strong}`).toString('base64'),
  ])
})

test('reports every bad line by its number, and no line by its content', () => {
  const { users, problems, secrets } = read(
    [
      'nocolonhere',
      `:${strong}`,
      'ci:',
      '#ci:secret-one',
      'ci:x',
      'ci:with\0nul',
      `ci:${'a'.repeat(73)}`,
      `ci:${'ä'.repeat(37)}`,
      '-v:secret-two',
      'a b:secret-three',
      '$(id):secret-four',
      '../x:secret-five',
      `ci:${strong}`,
      `ci:${strong}2`,
    ].join('\n'),
  )
  expect(users).toEqual([{ name: 'ci', password: strong, strong: true }])
  expect(problems.map(problem => problem.match(/^line (\d+)/)?.[1])).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14].map(String),
  )
  expect(problems.at(-1)).toBe('line 14 has the same name as line 13')
  expect(problems.join()).not.toMatch(/secret-|nocolon/)
  // Masking a single letter would blank the log.
  expect(secrets).not.toContain('x')
})

test('warns of passwords that can be guessed, by line, with the way to a good one', () => {
  const { warnings } = read(`ci:${strong}\nalice:correct horse\nbob:${'ab'.repeat(15)}`)
  expect(warnings).toEqual([
    expect.stringMatching(/^the passwords in line 2, 3 do not look machine-made.*`openssl rand -base64 24`$/),
  ])
  expect(read(`ci:${strong}`).warnings).toEqual([])
})

function reading(inputs: Record<string, string>) {
  const reader = new Reader(
    name => inputs[name] ?? '',
    () => {},
  )
  return { reader, mistakes: () => reader.mistakes.map(({ message }) => message) }
}

test('an open registry has no users, and says what that means', () => {
  const { reader, mistakes } = reading({ auth: 'none', users: `ci:${strong}` })
  expect(readUsers(reader, true, 'registry.example.com')).toBeNull()
  expect(reader.warnings).toMatchObject([{ message: expect.stringContaining('whoever reaches') }])
  expect(mistakes()).toEqual([])
})

test.each([
  ['no users, where a mode needs some', '', true, [expect.stringMatching(/^users: is empty, so nobody/)]],
  ['no users, where none are needed', '', false, []],
  ['a wrong line, which is not called empty', 'ci', true, [expect.stringMatching(/^users: line 1 has no/)]],
])('%s', (_, users, needed, expected) => {
  const { reader, mistakes } = reading({ users })
  expect(readUsers(reader, needed, 'registry.example.com')).toEqual([])
  expect(mistakes()).toEqual(expected)
})

test('the first user pushes, unless another is named', () => {
  const users = read(`ci:${strong}\nalice:${strong}`).users
  const pusher = (name: string, of: typeof users | null = users) => {
    const { reader, mistakes } = reading({ 'push-user': name })
    return [readPushUser(reader, of)?.name, ...mistakes()]
  }
  expect(pusher('')).toEqual(['ci'])
  expect(pusher('alice')).toEqual(['alice'])
  expect(pusher('bob')).toEqual([undefined, 'push-user: "bob" is not one of `users`'])
  expect(pusher('', null)).toEqual([undefined])
})

test('a login needs users, and mode `down` has none', () => {
  const login = (mode: 'up' | 'down') => {
    const { reader, mistakes } = reading({ login: 'true' })
    readLogin(reader, mode, null)
    return mistakes()
  }
  expect(login('up')).toEqual(['login: needs one of `users`, but `auth: none` has none; omit one of them'])
  expect(login('down')).toEqual([])
})
