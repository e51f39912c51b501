import { describe, expect, test } from '@jest/globals'
import { compareSync, hashSync } from 'bcryptjs'
import { cost, htpasswd } from '../../src/resources/users.ts'

const line = (name: string, password: string, prefix = '$2b') =>
  `${name}:${hashSync(password, 4).replace('$2b', prefix)}`
const ci = line('ci', 'secret')
const alice = line('alice', 'wonder', '$2y')
const wanted = [
  { name: 'ci', password: 'secret' },
  { name: 'alice', password: 'wonder' },
]

test('a new file: every user’s hash verifies', () => {
  const { content, changes } = htpasswd(wanted, '')
  const lines = content.trimEnd().split('\n')
  expect(lines.map(each => each.split(':')[0])).toEqual(['ci', 'alice'])
  for (const [index, { password }] of wanted.entries()) {
    expect(compareSync(password, lines[index]?.split(':')[1] ?? '')).toBe(true)
  }
  expect(changes.map(({ action, summary }) => `${action} ${summary}`)).toEqual([
    'create add ci',
    'create add alice',
  ])
})

describe('what is there', () => {
  test.each([
    ['the same', `${ci}\n${alice}\n`, []],
    ['no final newline', `${ci}\n${alice}`, []],
    ['another order', `${alice}\n${ci}\n`, []],
    ['comments and empty lines', `# by hand\n\n${ci}\n${alice}\n`, []],
    ['one more', `${ci}\n${alice}\n${line('bob', 'x')}\n`, ['delete revoke bob']],
    ['one more, with a terminal escape', `${ci}\n${alice}\n\x1b[31mbob:x\n`, ['delete revoke ??31mbob']],
    ['one less', `${ci}\n`, ['create add alice']],
    ['another password', `${ci}\n${line('alice', 'old')}\n`, ['update new password for alice']],
    [
      'SHA-1, which the registry refuses',
      `${ci}\nalice:{SHA}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8\n`,
      ['update new password for alice'],
    ],
    ['a plain password', `${ci}\nalice:wonder\n`, ['update new password for alice']],
    ['half a hash', `${ci}\n${alice.slice(0, -5)}\n`, ['update new password for alice']],
    ['CRLF', `${ci}\r\n${alice}\r\n`, ['update new password for ci', 'update new password for alice']],
  ])('%s', (_, current, expected) => {
    const { content, changes } = htpasswd(wanted, current)
    expect(changes.map(({ action, summary }) => `${action} ${summary}`)).toEqual(expected)
    // Whoever did not change keeps the line, byte for byte.
    if (!expected.includes('update new password for ci')) expect(content.split('\n')[0]).toBe(ci)
    if (expected.every(each => !each.includes('alice'))) expect(content.split('\n')[1]).toBe(alice)
    expect(content.split('\n')).toHaveLength(3)
  })
})

test.each([
  ['k3Jf9sLq0PzXv7TbN2mW', 5],
  ['aaaaaaaaaaaaaaaaaaaaaaaa', 10],
  ['short', 10],
])('the cost for %s is %d', (password, expected) => {
  expect(cost(password)).toBe(expected)
})
