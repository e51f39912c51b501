import { describe, expect, test } from '@jest/globals'
import { parseAccess } from '../../src/inputs/rights.ts'

const users = ['ci', 'ci+next', 'alice', 'bob'].map(name => ({ name, password: 'x', strong: false }))

function read(text: string) {
  const problems: string[] = []
  const warnings: string[] = []
  const access = parseAccess(
    text,
    users,
    message => problems.push(message),
    message => warnings.push(message),
  )
  return { access: Object.fromEntries(access), problems, warnings }
}

test('reads rights by user, one pattern or several, and the short forms', () => {
  expect(read("ci: push\nalice:\n  pull: '**'\n  push: [team/*, tools/lint]\n'*': pull")).toEqual({
    access: {
      ci: { pull: [], push: ['**'] },
      alice: { pull: ['**'], push: ['team/*', 'tools/lint'] },
      '*': { pull: ['**'], push: [] },
    },
    problems: [],
    warnings: [],
  })
})

test('names every user who may do nothing', () => {
  expect(read('ci: push').warnings).toEqual([
    expect.stringMatching(/^no rule lets `alice`, `bob` pull or push/),
  ])
})

test('warns of a map without rules, which locks everybody out', () => {
  expect(read('{}').warnings).toEqual([
    expect.stringMatching(/^no rule lets `ci`, `ci\+next`, `alice`, `bob` pull/),
  ])
})

test('reports all mistakes at once', () => {
  const { problems } = read(
    'eve: pull\nci: all\nalice: { read: team/app, push: [Team/App, "a//b", "../x", "a/***", "a**/b", "*/*/*", "a\\n"] }\nbob:',
  )
  expect(problems.map(problem => problem.replace(/;.*/, ''))).toEqual([
    '"eve" is not one of `users`',
    '"ci" must be `pull`, `push`, or a map of the two to patterns of repositories',
    '"alice" has "read"',
    ...['"Team/App"', '"a//b"', '"../x"', '"a/***"', '"a**/b"', '"*/*/*"', '"a\\n"'].map(
      pattern => `"alice" may push ${pattern}, which is not a repository pattern`,
    ),
    '"bob" must be `pull`, `push`, or a map of the two to patterns of repositories',
  ])
})

describe('what is no map', () => {
  test.each([
    ['ci: push\nci: pull', /^line 2: ci is there twice/],
    ['*: pull', /quote what begins with \*/],
    ['- ci', /^is not a YAML map/],
    ['ci', /^is not a YAML map/],
  ])('%j', (text, message) => {
    expect(read(text).problems).toEqual([expect.stringMatching(message)])
  })
})

// YAML would make numbers and truth of them, and give the rights to somebody else.
test.each(['012', '0x10', '1e3', '1.0', 'True', 'null', '2026-01-01', '~x'])(
  'a user called %s gets its own rights',
  name => {
    const problems: string[] = []
    const own = [{ name, password: 'x', strong: false }]
    const access = parseAccess(
      `${name}: push\n`,
      own,
      message => problems.push(message),
      () => {},
    )
    expect(problems).toEqual([])
    expect([...access.keys()]).toEqual([name])
  },
)

test('two keys that end as one name are a mistake', () => {
  expect(read('ci: push\n"ci": pull\n').problems[0]).toContain('line 2: "ci" is there twice')
})
