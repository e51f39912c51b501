import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type GitHub, github } from '../../lab/github.ts'
import { keepIssue } from '../../src/report/issue.ts'

const domain = 'registry.example.com'
const token = 'ghs_0123456789'

let hub: GitHub
beforeEach(async () => {
  hub = await github(token, '127.0.0.1')
})
afterEach(() => hub.close())

const keep = (trouble: string | undefined, expires?: Date, name = domain) =>
  keepIssue({ name: 'octocat/app', api: hub.api, token }, name, trouble, expires)

test('one issue is opened, left alone, updated and closed', async () => {
  expect(await keep('It expires.')).toBe('opened issue #1')
  expect(hub.issues).toMatchObject([{ state: 'open', title: `The certificate of ${domain} is at risk` }])
  expect(hub.issues[0]?.body).toMatch(/^It expires\.\n/)

  const count = hub.writes.length
  expect(await keep('It expires.')).toBeUndefined()
  expect(hub.writes).toHaveLength(count)

  expect(await keep('It has expired.')).toBe('updated issue #1')
  expect(hub.issues[0]?.body).toMatch(/^It has expired\.\n/)

  expect(await keep(undefined, new Date('2027-01-02T03:04:05Z'))).toBe('closed issue #1')
  expect(hub.issues).toMatchObject([
    { state: 'closed', body: expect.stringContaining('2027-01-02T03:04:05.000Z') },
  ])
  expect(await keep(undefined)).toBeUndefined()
})

test('a closed issue stays closed, and the next trouble gets one of its own', async () => {
  await keep('First.')
  await keep(undefined)
  expect(await keep('Second.')).toBe('opened issue #2')
  expect(hub.issues.map(({ state }) => state)).toEqual(['closed', 'open'])
})

test('it is known by its mark: also with another title and other line ends, and never another registry’s', async () => {
  await keep('It expires.')
  const [issue] = hub.issues
  if (!issue) throw new Error('there is no issue')
  issue.title = 'Look at this!'
  issue.body = issue.body.replaceAll('\n', '\r\n')
  expect(await keep('It expires.')).toBeUndefined()
  expect(await keep('It expires.', undefined, 'other.example.com')).toBe('opened issue #2')
})

test('it is found behind a hundred others', async () => {
  await keep('It expires.')
  const [issue] = hub.issues
  if (!issue) throw new Error('there is no issue')
  const others = Array.from({ length: 150 }, (_, index) => ({ ...issue, number: index + 2, body: 'other' }))
  hub.issues.unshift(...others)
  expect(await keep('It has expired.')).toBe('updated issue #1')
})

test('GitHub’s words say what it does not allow', async () => {
  hub.readOnly = true
  await expect(keep('It expires.')).rejects.toThrow('Resource not accessible by integration')
})

test('it is never longer than GitHub takes', async () => {
  expect(await keep(`It expires.\n${'*_'.repeat(50_000)}`)).toBe('opened issue #1')
  expect(hub.issues[0]?.body.length).toBeLessThan(65_536)
  expect(await keep(`${'*_'.repeat(50_000)}.`)).toBe('updated issue #1')
  expect(hub.issues[0]?.body.length).toBeLessThan(65_536)
})
