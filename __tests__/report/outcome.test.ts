import { X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { closing, place, planJson, planLine, references } from '../../src/report/outcome.ts'
import type { Step } from '../../src/resources/resource.ts'
import { recorded } from '../recorded.ts'

const domain = 'registry.example.com'
const digest = `sha256:${'1a'.repeat(32)}`
const steps: Step[] = [
  {
    resource: 'users',
    changes: [
      { action: 'create', summary: 'add ci' },
      { action: 'delete', summary: 'revoke a|b' },
    ],
    call: ['users_write', '/opt/berth', 'ci:$2b$05$hash'],
  },
  {
    resource: 'site',
    changes: [{ action: 'update', summary: 'conf', file: { path: 'p', before: 'b', after: 'a' } }],
    call: ['x'],
  },
]
const pushed = [{ repository: 'team/app', tags: ['1', 'latest'], digest, known: false }]
const certificate = new X509Certificate(
  recorded('trixie', 'converged').facts.file('certificate.chain')?.content ?? '',
)
const outcome = { domain, steps, applied: true, certificate, pushed }

test('a line of the plan', () => {
  expect(planLine('site', { action: 'create', summary: 'x' })).toBe('+ site: x')
  expect(planLine('site', { action: 'update', summary: 'x' })).toBe('~ site: x')
  expect(planLine('site', { action: 'delete', summary: 'x' })).toBe('- site: x')
})

test('of several servers, the plan says which each change is on', () => {
  const [step] = steps
  if (step === undefined) throw new Error('no step')
  expect(place(step)).toBe('users')
  expect(place({ ...step, server: 'web1' })).toBe('web1 users')
  expect(JSON.parse(planJson([{ ...step, server: 'web1' }]))[0]).toEqual({
    ...{ server: 'web1', resource: 'users', action: 'create', summary: 'add ci' },
  })
})

test('the plan output has neither calls nor the content of files', () => {
  expect(JSON.parse(planJson(steps))).toEqual([
    { resource: 'users', action: 'create', summary: 'add ci' },
    { resource: 'users', action: 'delete', summary: 'revoke a|b' },
    { resource: 'site', action: 'update', summary: 'conf' },
  ])
  expect(planJson([])).toBe('[]')
})

test('references by digest', () => {
  expect(references(outcome)).toEqual([`${domain}/team/app@${digest}`])
})

test('the last line tells images that were there already from those that were not', () => {
  const line = (...known: boolean[]) =>
    closing(
      {
        domain,
        steps: [],
        applied: true,
        looked: false,
        pushed: known.map(each => ({ repository: 'app', tags: ['1'], digest, known: each })),
      },
      0,
      20,
    )
  expect(line(true)).toBe(`${domain}: 1 image, all of it there already, 20 ms`)
  expect(line(true, true)).toBe(`${domain}: 2 images, all of them there already, 20 ms`)
  expect(line(true, false, false)).toBe(`${domain}: 2 images pushed and 1 there already, 20 ms`)
})

test('the last line of the log tells the run in a few words', () => {
  const now = certificate.validToDate.getTime() - 41.5 * 24 * 60 * 60 * 1000
  expect(closing(outcome, now, 3210)).toBe(
    `${domain}: 3 changes made, certificate valid for 41 days, 1 image pushed, 3.2 s`,
  )
  expect(closing({ ...outcome, applied: false, pushed: [] }, now, 20)).toBe(
    `${domain}: 3 changes to make, certificate valid for 41 days, 20 ms`,
  )
  expect(closing({ domain, steps: [], applied: true, looked: false, pushed }, now, 999)).toBe(
    `${domain}: 1 image pushed, 1.0 s`,
  )
  expect(
    closing({ domain, steps: [], applied: true, looked: false, pushed: [], loggedIn: 'ci' }, now, 999),
  ).toBe(`${domain}: logged in as ci, 1.0 s`)
})
