import { expect, test } from '@jest/globals'
import type { Bucket } from '../../src/desired.ts'
import { readPage } from '../../src/inputs/page.ts'
import { Reader } from '../../src/inputs/reader.ts'

function read(page: string, config: Record<string, unknown> = {}, bucket?: Bucket) {
  const reader = new Reader(
    name => (name === 'page' ? page : ''),
    () => {},
  )
  const value = readPage(reader, { image: 'registry:3', config, bucket })
  return [value, ...[...reader.mistakes, ...reader.warnings].map(({ message }) => message)]
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

test('it says that it can’t look into a bucket to which clients are sent', () => {
  const bucket = {
    name: 'images',
    folder: '',
    region: 'x',
    endpoint: undefined,
    accessKey: 'a',
    secretKey: 'b',
  }
  const words = expect.stringMatching(/^page: can’t show platforms .*`s3-redirect`.*; omit/)
  expect(read('true', {}, { ...bucket, redirect: true })).toEqual([true, words])
  expect(read('true', {}, { ...bucket, redirect: false })).toEqual([true])
  expect(read('false', {}, { ...bucket, redirect: true })).toEqual([false])
})
