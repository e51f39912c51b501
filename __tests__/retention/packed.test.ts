import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { unpack } from '../../src/retention/packed.ts'

const packed = (content: string | Buffer) => gzipSync(content).toString('base64')

test('it reads what gzip and base64 packed', () => {
  expect(unpack(packed('time 5\n'))).toBe('time 5\n')
})

// A server can pack a thousandfold of what it sends.
test('a list that is packed and has no end is refused', () => {
  expect(() => unpack(packed(Buffer.alloc(300 << 20)))).toThrow('the server’s list of images has no end')
})

test.each([
  ['none', undefined],
  ['half of one', packed('time 5\n').slice(0, 20)],
])('an answer that was cut off says so: %s', (_, text) => {
  expect(() => unpack(text)).toThrow('the server’s answer was cut off')
})
