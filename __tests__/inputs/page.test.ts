import { expect, test } from '@jest/globals'
import { readPage } from '../../src/inputs/page.ts'
import { Reader } from '../../src/inputs/reader.ts'

function read(page: string, config: Record<string, unknown> = {}) {
  const reader = new Reader(
    name => (name === 'page' ? page : ''),
    () => {},
  )
  return [readPage(reader, { image: 'registry:3', config }), ...reader.mistakes.map(({ message }) => message)]
}

test('it is not there unless asked for', () => {
  expect([read(''), read('false'), read('true')]).toEqual([[false], [false], [true]])
})

test('it needs an nginx that knows the users, or none', () => {
  const config = { auth: { token: { realm: 'x' } } }
  expect(read('true', config)).toEqual([
    true,
    expect.stringMatching(/^page: needs users that nginx checks, .*; omit one of them$/),
  ])
  expect(read('false', config)).toEqual([false])
})
