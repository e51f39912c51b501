import { expect, test } from '@jest/globals'
import { asFailure, Failure, joined } from '../src/failure.ts'

test('several are one, and the first says where to read on', () => {
  const one = new Failure('port', 'one')
  expect(joined([])).toBeUndefined()
  expect(joined([one, new Failure('rival', 'two')])).toMatchObject({ topic: 'port', message: 'one\ntwo' })
})

test('whatever is thrown is a failure, with a topic only if it had one', () => {
  const own = new Failure('dns', 'x')
  expect(asFailure(own)).toBe(own)
  expect(asFailure(new Error('x'))).toMatchObject({ topic: undefined, message: 'x' })
  expect(asFailure('x')).toMatchObject({ topic: undefined, message: 'x' })
})
