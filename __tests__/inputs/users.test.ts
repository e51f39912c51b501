import { expect, test } from '@jest/globals'
import { parseUsers, sealKey } from '../../src/inputs/users.ts'

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
    expect.stringMatching(
      /^the passwords in line 2, 3 could be guessed.*`openssl rand -base64 24` makes a good one$/,
    ),
  ])
  expect(read(`ci:${strong}`).warnings).toEqual([])
})

test('the sealing key is the same for the same SSH key only', () => {
  expect(sealKey('one')).toHaveLength(32)
  expect(sealKey('one')).toEqual(sealKey('one'))
  expect(sealKey('one')).not.toEqual(sealKey('two'))
})
