import { expect, test } from '@jest/globals'
import { parseMap } from '../../src/inputs/map.ts'

function read(text: string) {
  const mistakes: string[] = []
  const map = parseMap(text, 'names to things', sentence => mistakes.push(sentence))
  return { map: Object.fromEntries(map), order: [...map.keys()], mistakes }
}

test('everything is text, as it is written', () => {
  expect(read('012: 1e3\n1.0: [true, 0x10]')).toMatchObject({
    map: { '012': '1e3', '1.0': ['true', '0x10'] },
    mistakes: [],
  })
})

test.each([
  ['- a', 'is not a YAML map from names to things'],
  ['a: [', 'is not YAML: '],
  ['*: pull', "(quote what begins with *, as in '**')"],
])('%j is a mistake', (text, words) => {
  const { map, mistakes } = read(text)
  expect([map, mistakes]).toEqual([{}, [expect.stringContaining(words)]])
})

test.each([
  ['a: 1\nb: 2\na: 3', 'line 3: a is there twice'],
  ['"a": 1\nb: 2\na: 3', 'line 3: a is there twice'],
  ['{ b: 2, a: 1,\n  a: 3 }', 'line 2: a is there twice'],
])('a key twice is a mistake, and the rest is read: %j', (text, words) => {
  expect(read(text)).toMatchObject({ map: { a: '3', b: '2' }, mistakes: [expect.stringContaining(words)] })
})

test('names are in the order of the text, also if they are numbers', () => {
  expect(read("'**': a\n2024: b\nx: c\n7: d").order).toEqual(['**', '2024', 'x', '7'])
})

test('what is written once and referred to', () => {
  expect(read('a: &usual { last: 10 }\nb: *usual').map).toEqual({ a: { last: '10' }, b: { last: '10' } })
})
