import { expect, test } from '@jest/globals'
import { findEntry, isSame } from '../../src/report/github.ts'

async function* pages(number: number) {
  for (let page = 1; page <= number; page++) {
    asked = page
    yield { data: [page] }
  }
}
let asked = 0

test('the first that fits is found, and no page after it is asked for', async () => {
  expect(await findEntry(pages(5), entry => entry === 3)).toBe(3)
  expect(asked).toBe(3)
})

test('nobody looks for ever', async () => {
  expect(await findEntry(pages(50), entry => entry === 11)).toBeUndefined()
  expect(asked).toBe(10)
  expect(await findEntry(pages(0), () => true)).toBeUndefined()
})

test('a text is the same with other line ends', () => {
  expect(isSame('a\r\nb\r\n', 'a\nb')).toBe(true)
  expect(isSame('a', 'b')).toBe(false)
  expect(isSame(undefined, 'a')).toBe(false)
  expect(isSame(null, 'a')).toBe(false)
})
