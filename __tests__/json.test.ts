import { expect, test } from '@jest/globals'
import { isObject, list, number, object, parseJson, string, strings } from '../src/json.ts'

test('what is no JSON is nothing', () => {
  expect(parseJson('{"a":[1]}')).toEqual({ a: [1] })
  expect(parseJson('')).toBeUndefined()
  expect(parseJson('{')).toBeUndefined()
})

test.each([undefined, null, 'x', 7, true, [], {}])('%j is no more than it is', value => {
  expect(object(value)).toEqual({})
  expect(list(value)).toEqual([])
  expect(strings(value)).toEqual([])
  expect(string(value)).toBe(value === 'x' ? 'x' : undefined)
  expect(number(value)).toBe(value === 7 ? 7 : undefined)
  expect(isObject(value)).toBe(JSON.stringify(value) === '{}')
})

test('what there is, is kept', () => {
  expect(object({ a: 1 }).a).toBe(1)
  expect(list([1, 'x'])).toEqual([1, 'x'])
  expect(strings([1, 'x', null])).toEqual(['x'])
  expect(number(Number.NaN)).toBeUndefined()
})
