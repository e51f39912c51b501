import { X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { planJson, planLine, references, summary } from '../src/report.ts'
import type { Step } from '../src/resource.ts'
import { recorded } from './recorded.ts'

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

test('the summary says what changed, what was pushed and how long the certificate is good', () => {
  const now = certificate.validToDate.getTime() - 41.5 * 24 * 60 * 60 * 1000
  const text = summary(outcome, now)
  expect(text).toContain(`## ⚓ ${domain}`)
  expect(text).toContain(
    `valid for 41 more days, until ${certificate.validToDate.toISOString().slice(0, 10)}`,
  )
  expect(text).toContain('### Changed')
  expect(text).toContain('| delete | users | revoke a\\|b |')
  expect(text).toContain(`| \`${domain}/team/app\` | \`1\` \`latest\` | \`${digest}\` |`)
  expect(text).toContain(`docker pull ${domain}/team/app:1`)
  expect(text).not.toContain('$2b$')
})

test('the summary of a plan, and of a run without changes', () => {
  expect(summary({ ...outcome, applied: false, pushed: [] }, 0)).toContain('### Would change')
  const calm = summary({ domain, steps: [], applied: true, pushed: [] }, 0)
  expect(calm).toContain('The server is as it should be.')
  expect(calm).not.toMatch(/Pushed|Changed/)
})
