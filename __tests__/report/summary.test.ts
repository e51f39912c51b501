import { X509Certificate } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { Failure } from '../../src/failure.ts'
import type { Outcome } from '../../src/report/outcome.ts'
import { mistakesSummary, summary } from '../../src/report/summary.ts'
import type { Step } from '../../src/resources/resource.ts'
import { recorded } from '../recorded.ts'

const domain = 'registry.example.com'
const digest = `sha256:${'1a'.repeat(32)}`
const users: Step = {
  resource: 'users',
  changes: [
    { action: 'create', summary: 'add ci', subject: 'ci' },
    { action: 'delete', summary: 'revoke a|b', subject: 'a|b' },
  ],
  call: ['users_write', '/opt/berth', 'ci:$2b$05$hash'],
}
const site: Step = {
  resource: 'site',
  changes: [{ action: 'update', summary: 'conf', file: { path: 'p', before: 'b', after: 'a' } }],
  call: ['x'],
}
const pushed = [
  {
    repository: 'team/app',
    tags: ['1', 'latest'],
    digest,
    platforms: ['linux/amd64', 'linux/arm64'],
    bytes: 4.2e7,
    known: false,
  },
]
const certificate = new X509Certificate(
  recorded('trixie', 'converged').facts.file('certificate.chain')?.content ?? '',
)
const now = certificate.validToDate.getTime() - 41.5 * 24 * 60 * 60 * 1000
const outcome: Outcome = { domain, steps: [users, site], applied: true, certificate, pushed }
const help = 'https://github.com/berth/berth/blob/v1/docs/troubleshooting.md#x'
const around = { now, phases: [{ what: 'Push', milliseconds: 1200 }], taken: new Map([[users, 310]]), help }

test('it tells the certificate, who came and went, what changed and what was pushed', () => {
  const text = summary(outcome, around)
  expect(text).toContain(`## ⚓ ${domain}`)
  expect(text).toContain(
    `valid for <b>41 days</b> more, until ${certificate.validToDate.toISOString().slice(0, 10)}`,
  )
  expect(text).toContain('added <code>ci</code><br>revoked <code>a|b</code>')
  expect(text).toContain('| **−** | users | revoke a\\|b |')
  expect(text).toContain('| **+** | users | add ci | 0.3 s |')
  expect(text).toContain('| `team/app` | `1` `latest` | linux/amd64, linux/arm64 | 42 MB |')
  expect(text).toContain(`docker pull ${domain}/team/app:1\n`)
  expect(text).toContain(`docker pull ${domain}/team/app@${digest}\n`)
  expect(text).toContain('| Push | 1.2 s |')
  expect(text).not.toContain('$2b$')
})

test('an image of which nothing more is known is told all the same', () => {
  const [{ repository, tags }] = pushed as [(typeof pushed)[0]]
  expect(summary({ ...outcome, pushed: [{ repository, tags, digest, known: false }] }, around)).toContain(
    '| `team/app` | `1` `latest` |  |  |',
  )
})

test('what was there already is told from what was pushed', () => {
  const [image] = pushed as [(typeof pushed)[0]]
  const text = summary({ ...outcome, pushed: [image, { ...image, repository: 'b', known: true }] }, around)
  expect(text).toContain('| `team/app` | `1` `latest` | pushed |')
  expect(text).toContain('| `b` | `1` `latest` | there already |')
})

test('a plan says that it was only a look', () => {
  const text = summary({ ...outcome, applied: false, pushed: [] }, around)
  expect(text).toContain('3 changes to make; this was only a look')
  expect(text).toContain('### Would change')
  expect(text).toContain('to add <code>ci</code>')
})

test('a quiet run is short', () => {
  const text = summary({ domain, steps: [], applied: true, certificate, pushed: [] }, around)
  expect(text).toContain('as it should be, nothing changed')
  expect(text).not.toMatch(/Pushed|Changed/)
})

test('a mode that does not look at the server does not say how it is', () => {
  expect(summary({ ...outcome, steps: [], looked: false }, around)).not.toContain('as it should be')
})

test('a failure says what happened, how far the run got, and where help is', () => {
  const failure = new Failure(
    'nginx',
    'site (conf) failed; the server said:\n  nginx: [emerg] unknown directive "<b>"',
  )
  const text = summary({ ...outcome, pushed: [], failure }, around)
  expect(text).toContain(
    [
      '> [!CAUTION]',
      '> **Failed:** site (conf) failed; the server said:',
      '>',
      '> ```text',
      '> nginx: [emerg] unknown directive "<b>"',
      '> ```',
      '>',
      `> [What to do](${help})`,
    ].join('\n'),
  )
  expect(text).toContain('| **+** | users | add ci | 0.3 s |')
  expect(text).toContain('| **~** | site | conf | not done |')
  expect(text).not.toContain('as it should be')
})

test('a run that failed before it came to the users tells nobody added or revoked', () => {
  const text = summary(
    { ...outcome, failure: new Failure('step', 'packages failed') },
    { ...around, taken: new Map() },
  )
  expect(text).not.toContain('added <code>')
  expect(text).toContain('| **+** | users | add ci | not done |')
  expect(text).toContain('| **−** | users | revoke a\\|b | not done |')
})

test('what programs say can’t become HTML', () => {
  const text = summary(
    { ...outcome, failure: new Failure('proxy', 'a proxy said <img src=x> and `<ok>`') },
    around,
  )
  expect(text).toContain('a proxy said &lt;img src=x&gt; and `<ok>`')
})

test('wrong inputs are all listed', () => {
  const text = mistakesSummary(
    [new Failure('input', 'domain: is missing'), new Failure('users', 'users: line 1 has no colon')],
    help,
  )
  expect(text).toContain('**2 inputs to correct.**')
  expect(text).toContain('> - `domain` is missing\n> - `users` line 1 has no colon')
})

test('what an image says that it is for does nothing in a summary', () => {
  const platforms = ['<img src=x>/@octocat', 'a|b', '[x](https://evil.example)', 'x'.repeat(9999)]
  const text = summary({ ...outcome, pushed: pushed.map(each => ({ ...each, platforms })) }, around)
  expect(text).toContain('| &lt;img src=x&gt;/@\u200boctocat, a\\|b, \\[x\\](https://evil.example), xxx')
  expect(text).not.toContain('x'.repeat(400))
})
