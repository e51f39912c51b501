import { X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { closing, planJson, planLine, references } from '../../src/report/outcome.ts'
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
const pushed = [{ repository: 'team/app', tags: ['1', 'latest'], digest }]
const certificate = new X509Certificate(
  recorded('trixie', 'converged').facts.file('certificate.chain')?.content ?? '',
)
const outcome = { domain, steps, applied: true, certificate, pushed }

test('a line of the plan', () => {
  expect(planLine('site', { action: 'create', summary: 'x' })).toBe('+ site: x')
  expect(planLine('site', { action: 'update', summary: 'x' })).toBe('~ site: x')
  expect(planLine('site', { action: 'delete', summary: 'x' })).toBe('- site: x')
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
})
