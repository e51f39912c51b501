import { expect, test } from '@jest/globals'
import { parseKeep } from '../../src/inputs/keep.ts'

function read(text: string) {
  const mistakes: string[] = []
  return { keep: parseKeep(text, sentence => mistakes.push(sentence)), mistakes }
}

const nothing = {
  tags: [],
  last: undefined,
  days: undefined,
  pulled: undefined,
  untagged: undefined,
  empty: false,
}

test('reads rules in their order', () => {
  expect(
    read(
      "team/**:\n  tags: [latest, 'v*']\n  last: 10\n  days: 30\n  pulled: 30\n  untagged: 7\n'**': { last: 1 }\n",
    ),
  ).toEqual({
    keep: [
      {
        pattern: 'team/**',
        tags: ['latest', 'v*'],
        last: 10,
        days: 30,
        pulled: 30,
        untagged: 7,
        empty: false,
      },
      { ...nothing, pattern: '**', last: 1 },
    ],
    mistakes: [],
  })
})

test('tags are text, as they are written', () => {
  expect(read('a: { tags: [1.0, 012, 1e3, 0x10, true, null] }').keep[0]?.tags).toEqual([
    ...['1.0', '012', '1e3', '0x10', 'true', 'null'],
  ])
  expect(read('a: { tags: latest }').keep[0]?.tags).toEqual(['latest'])
})

test('all mistakes are told at once, each with its path', () => {
  const { mistakes } = read(
    'Team: { last: 1 }\na: { last: ten, day: 3 }\nb: { days: -1, tags: [a/b] }\nc: { untagged: 7 }\nd: 5\ne: { last: 1, empty: yes }\nf: { pulled: 1.5 }',
  )
  expect(mistakes.map(each => each.replace(/;.*/, ''))).toEqual([
    '"Team" is no pattern of repositories',
    '"a" has "day"',
    '"a".last is "ten"',
    '"b".tags is "a/b"',
    '"b".days is "-1"',
    '"c" keeps no tag',
    '"d" must be a map of `tags`, `last`, `days`, `pulled`, `untagged`, `empty`',
    '"e".empty is "yes"',
    '"f".pulled is "1.5"',
  ])
})

test.each([
  ['last: [', /^is not YAML: /],
  ['- a', /^is not a YAML map/],
  ['*: { last: 1 }', /quote what begins with \*/],
  ['a: { last: 1 }\na: { last: 2 }', /^line 2: a is there twice/],
])('%j is not taken', (text, message) => {
  expect(read(text).mistakes.join('\n')).toMatch(message)
})

test('the first rule that fits comes first, also before one for a number', () => {
  expect(read("'**': { last: 1 }\n2024: { last: 2 }").keep.map(({ pattern }) => pattern)).toEqual([
    '**',
    '2024',
  ])
})

test.each([
  ["'*/*/*': { last: 1 }", /^"\*\/\*\/\*" is no pattern of repositories; .* at most 2 of them$/],
  ["a: { tags: 'a*b*c*d*e*' }", /^"a".tags is "a\*b\*c\*d\*e\*"; .* at most 4 of them/],
])('%s has too many wildcards, and how many it may have is said', (text, message) => {
  expect(read(text).mistakes).toEqual([expect.stringMatching(message)])
})

test('everything may go where that is said', () => {
  expect(read('a: { empty: true }')).toEqual({
    keep: [{ ...nothing, pattern: 'a', empty: true }],
    mistakes: [],
  })
})
