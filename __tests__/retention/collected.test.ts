import { expect, test } from '@jest/globals'
import { parseCollected } from '../../src/retention/collected.ts'

test('what was done is read line by line', () => {
  expect(parseCollected('changed a 1\nmoved 100 3\nfreed 50\nrestored 0\n')).toEqual({
    changed: [{ repository: 'a', tag: '1' }],
    ...{ moved: 100, blobs: 3, freed: 50 },
    restored: { tags: [], blobs: 0 },
  })
  expect(parseCollected('back a 1\nrestored 1 3\n').restored).toEqual({ tags: ['a:1'], blobs: 3 })
  expect(parseCollected('nothing\n').restored).toEqual({ tags: [], blobs: 0 })
})

test('an answer that was cut off, and one that tells of an error, are failures', () => {
  expect(() => parseCollected('moved 100 3\n')).toThrow(
    'collecting garbage was cut off; run the workflow again',
  )
  expect(() => parseCollected('error can’t read /x: Input/output error\n')).toThrow(
    'the server could not collect garbage: can’t read /x: Input/output error; fix that',
  )
  // A bucket’s words bring their own advice.
  expect(() => parseCollected('error the bucket b has an end; let it reach that, and run again\n')).toThrow(
    expect.objectContaining({
      topic: 'bucket',
      message:
        'the server could not collect garbage: the bucket b has an end; let it reach that, and run again, which continues from there',
    }),
  )
})

test('that another run has the bucket is told from which server it is', () => {
  expect(() => parseCollected('busy web2 1800000000\n')).toThrow(
    /from web2 since 2027-01-15T08:00:00Z; wait for it/,
  )
})
