import { expect, test } from '@jest/globals'
import { inTurn, Taken } from '../../src/retention/turn.ts'

const never = new AbortController().signal
const taken = () => Promise.reject(new Taken('web2', 1_800_000_000))
const quick = { timeout: 60_000, pause: 1 }

test('another run is waited for, and named once', async () => {
  const lines: string[] = []
  let calls = 0
  const work = () => (++calls < 4 ? taken() : Promise.resolve('done'))
  await expect(inTurn(work, line => lines.push(line), never, quick)).resolves.toBe('done')
  expect(lines).toEqual([
    'waiting: another run of mode `clean` is at work in this bucket, from web2 since 2027-01-15T08:00:00Z',
  ])
})

test('what else goes wrong is not waited for', async () => {
  const work = () => Promise.reject(new Error('denied'))
  await expect(inTurn(work, () => {}, never, quick)).rejects.toThrow('denied')
})

test('one that never ends is named in the end', async () => {
  await expect(inTurn(taken, () => {}, never, { timeout: 0, pause: 1 })).rejects.toMatchObject({
    topic: 'busy',
    message: expect.stringMatching(/from web2 since .*; wait for it and run again$/),
  })
})

test('a cancelled run does not wait', async () => {
  const controller = new AbortController()
  const waiting = inTurn(taken, () => controller.abort(), controller.signal)
  await expect(waiting).rejects.toThrow(/abort/)
})
