import { expect, test } from '@jest/globals'
import { parseMap } from '../../src/inputs/map.ts'

function read(text: string) {
  const mistakes: string[] = []
  return { map: parseMap(text, 'names to things', sentence => mistakes.push(sentence)), mistakes }
}

test('everything is text, as it is written', () => {
  expect(read('012: 1e3\n1.0: [true, 0x10]')).toEqual({
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
  expect(read(text)).toEqual({ map: { a: '3', b: '2' }, mistakes: [expect.stringContaining(words)] })
})
