import { describe, expect, test } from '@jest/globals'
import { parseUsers } from '../../src/inputs/users.ts'

function parse(text: string) {
  const problems: string[] = []
  const secrets: string[] = []
  const users = parseUsers(
    text,
    message => problems.push(message),
    secret => secrets.push(secret),
  )
  return { users, problems, secrets }
}

test.each([
  ['one', 'ci:long-enough', [{ name: 'ci', password: 'long-enough' }]],
  ['colons in the password', 'ci:a:b:c', [{ name: 'ci', password: 'a:b:c' }]],
  ['spaces in the password', 'ci: a b ', [{ name: 'ci', password: ' a b ' }]],
  ['indentation', '   ci:secret', [{ name: 'ci', password: 'secret' }]],
  [
    'CRLF and empty lines',
    'ci:one\r\n\r\nops:two\r\n',
    [
      { name: 'ci', password: 'one' },
      { name: 'ops', password: 'two' },
    ],
  ],
  [
    'an e-mail address as the name',
    'ops@example.com:secret',
    [{ name: 'ops@example.com', password: 'secret' }],
  ],
  ['72 bytes', `ci:${'é'.repeat(36)}`, [{ name: 'ci', password: 'é'.repeat(36) }]],
  ['what looks like YAML or a comment', 'ci:{a: b} #c', [{ name: 'ci', password: '{a: b} #c' }]],
])('%s', (_, text, users) => {
  expect(parse(text)).toMatchObject({ users, problems: [] })
})

test.each([
  ['no-colon-here', 'line 1 has no colon; write name:password'],
  [':secret', 'line 1: the name is empty'],
  ['ci:', 'line 1: the password is empty'],
  ['ci:x', 'line 1: the password is a single character'],
  ['ci:🔑', 'line 1: the password is a single character'],
  ['#ci:secret', 'line 1: a name can’t begin with #, for htpasswd takes such a line as a comment'],
  ['ci:se\0cret', 'line 1: the password has a NUL byte'],
  [`ci:${'a'.repeat(73)}`, 'line 1: the password is longer than 72 bytes, and bcrypt would ignore the rest'],
  [`ci:${'é'.repeat(37)}`, 'line 1: the password is longer than 72 bytes, and bcrypt would ignore the rest'],
  ['ci:one\nci:two', 'line 2 has the same name as line 1'],
  ...['a b', '-rf', '$(id)', 'a;b', '../a', '"ci"', 'ci\t', 'é'].map(name => [
    `${name}:secret`,
    'line 1: a name is made of letters, digits and . _ @ + - and begins with a letter, a digit or _',
  ]),
])('%j', (text, problem) => {
  const { problems } = parse(text)
  expect(problems).toEqual([problem])
})

test('every mistake at once, by line', () => {
  const { users, problems } = parse('good:password\nbad\n\n:empty-name\nci:\ngood:again')
  expect(users).toEqual([{ name: 'good', password: 'password' }])
  expect(problems).toEqual([
    'line 2 has no colon; write name:password',
    'line 4: the name is empty',
    'line 5: the password is empty',
    'line 6 has the same name as line 1',
  ])
})

describe('masking', () => {
  test('each password, each line, and each login as HTTP has it', () => {
    expect(parse('ci:secret\r\nops:other').secrets).toEqual([
      'ci:secret',
      'secret',
      Buffer.from('ci:secret').toString('base64'),
      'ops:other',
      'other',
      Buffer.from('ops:other').toString('base64'),
    ])
  })

  test('also of a line that is refused, before the problem is told', () => {
    const order: string[] = []
    parseUsers(
      'only-a-password',
      () => order.push('problem'),
      () => order.push('secret'),
    )
    expect(order).toEqual(['secret', 'problem'])
  })

  test('no problem repeats what is on the line', () => {
    const { problems } = parse('pa55phrase\n:pa55phrase\nx y:pa55phrase\nci:pa55phrase\nci:pa55phrase')
    expect(problems).toHaveLength(4)
    expect(problems.join()).not.toContain('pa55phrase')
  })
})
