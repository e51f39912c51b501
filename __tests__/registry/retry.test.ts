import { expect, jest, test } from '@jest/globals'
import { retry, Transient } from '../../src/registry/retry.ts'

const never = new AbortController().signal

test('what is not transient fails at once', async () => {
  const work = jest.fn(() => Promise.reject(new Error('denied')))
  await expect(retry(work, () => {}, never)).rejects.toThrow('denied')
  expect(work).toHaveBeenCalledTimes(1)
})

test('what is transient is tried again, with one line', async () => {
  const lines: string[] = []
  let calls = 0
  const work = () =>
    ++calls === 1 ? Promise.reject(new Transient('endpoint', '502')) : Promise.resolve('done')
  await expect(retry(work, line => lines.push(line), never)).resolves.toBe('done')
  expect(lines).toEqual([expect.stringMatching(/^502; try 2 of 6 in (0\.[5-9]|1\.0) s$/)])
})

test('a cancelled run does not wait', async () => {
  const controller = new AbortController()
  const run = retry(
    () => Promise.reject(new Transient('endpoint', '502')),
    () => controller.abort(),
    controller.signal,
  )
  await expect(run).rejects.toThrow(/abort/)
})
