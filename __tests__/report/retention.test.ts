import { describe, expect, test } from '@jest/globals'
import {
  deletedJson,
  freedBytes,
  isCleaned,
  retentionComment,
  retentionLines,
  retentionSummary,
} from '../../src/report/retention.ts'
import type { Retention, Verdict } from '../../src/retention/retention.ts'

const verdict = (tag: string, reason: string): Verdict => ({
  ...{ tag, reason, bytes: 30_000_000, pushed: Date.UTC(2026, 9, 1, 12) / 1000 },
  digest: `sha256:${'ab'.repeat(32)}`,
})

function retention(goes: Verdict[], changes: Partial<Retention> = {}): Retention {
  return {
    ruled: true,
    repositories: [
      { name: 'team/app', rule: undefined, goes, stays: [verdict('v2', 'last: 1 (number 1)')], untagged: 2 },
      { name: 'other', rule: undefined, goes: [], stays: [], untagged: 0 },
    ],
    manifests: [],
    ...{
      unneeded: 70_000_000,
      freed: 50_000_000,
      aside: 450_000_000,
      time: 0,
      disk: { bytes: 20e9, free: 5e9 },
    },
    ...changes,
  }
}

const collected = { changed: [], moved: 40_000_000, blobs: 3, freed: 0, restored: { tags: [], blobs: 0 } }
const one = retention([verdict('v1', 'number 2 of 1')])

describe('outputs', () => {
  test('what clean deleted, without tags that were pushed again meanwhile', () => {
    const outcome = { retention: retention([verdict('v1', 'x'), verdict('v0', 'x')]), collected }
    expect(JSON.parse(deletedJson(outcome))).toEqual(
      ['v1', 'v0'].map(tag => ({ repository: 'team/app', tag, digest: `sha256:${'ab'.repeat(32)}` })),
    )
    const changed = [{ repository: 'team/app', tag: 'v0' }]
    expect(JSON.parse(deletedJson({ ...outcome, collected: { ...collected, changed } }))).toHaveLength(1)
    expect(freedBytes(outcome)).toBe(40_000_000)
  })

  test('what plan would', () => {
    expect(freedBytes({ retention: one })).toBe(50_000_000)
    expect(freedBytes({})).toBe(0)
    expect(deletedJson({})).toBe('[]')
  })

  test('a run that took nothing changed nothing', () => {
    expect(isCleaned({ retention: retention([]), collected: { ...collected, moved: 0 } })).toBe(false)
    expect(isCleaned({ retention: retention([]), collected })).toBe(true)
    expect(isCleaned({ retention: one })).toBe(false)
  })
})

test('the log has every tag, with the line that kept it or why none did', () => {
  expect(retentionLines(one, false)).toEqual([
    'team/app: 1 tag would go, 1 stays, and 2 images without a tag would go',
    '- team/app:v1 sha256:abababababab 2026-10-01 12:00 30 MB: number 2 of 1',
    '= team/app:v2: last: 1 (number 1)',
    '5.0 GB of 20.0 GB are free; 5.5 GB when what goes is deleted; another 20 MB was pushed or used too recently, and a later run takes it',
  ])
})

describe('summary', () => {
  test('a table of what went and why', () => {
    const text = retentionSummary({ retention: one, collected }).join('\n')
    expect(text).toContain('### Deleted')
    expect(text).toContain('| `team/app` | 1 | 1 | 2 |')
    // Neither breaks in two lines.
    const [pushed, size] = ['2026\u201110\u201101', '30\u00a0MB']
    expect(text).toContain(`| \`team/app:v1\` | \`abababababab\` | ${pushed} | ${size} | number 2 of 1 |`)
    expect(text).toContain('**40 MB** set aside')
  })

  test('what undo put back', () => {
    const restored = { tags: ['team/app:v1'], blobs: 3 }
    expect(retentionSummary({ collected: { ...collected, restored } }).join('\n')).toContain(
      '- `team/app:v1`',
    )
    expect(retentionSummary({ collected }).join('\n')).toContain('nothing to put back')
  })

  test('nothing without retention', () => {
    expect(retentionSummary({})).toEqual([])
  })
})

test.each([
  [true, 'no tag is deleted: `keep` keeps them all', 'Nothing: `keep` keeps every tag.'],
  [false, 'no tag is deleted: there is no `keep`', 'No tag: there is no `keep`.'],
])('why no tag is deleted, where there are rules: %s', (ruled, line, words) => {
  const plan = retention([], { ruled, repositories: [] })
  expect(retentionLines(plan, true)[0]).toBe(line)
  expect(retentionSummary({ retention: plan, collected })).toContain(words)
})

test('a comment has as many tags as there is room for', () => {
  const many = retention(Array.from({ length: 2000 }, (_, index) => verdict(`v${index}`, 'number 2 of 1')))
  const text = retentionComment(many, 20_000)
  expect(text.length).toBeLessThanOrEqual(20_000)
  expect(text).toMatch(/And \d+ more: the log of the step has them all/)
  expect(retentionComment(one, 20_000)).toContain('`team/app:v1`')
})

test('a summary has room for any number of repositories', () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({
    ...{ name: `team/app-${index}`, rule: undefined, stays: [verdict('v2', 'last: 1')], untagged: 1 },
    goes: [verdict('v1', 'number 2 of 1')],
  }))
  const text = retentionSummary({ retention: retention([], { repositories: many }), collected }).join('\n\n')
  expect(text.length).toBeLessThan(300_000)
  expect(text.match(/^And 19500 more: the log of the step has them all\.$/gm)).toHaveLength(3)
  const tags = many.map(({ name }) => `${name}:v1`)
  const put = retentionSummary({ collected: { ...collected, restored: { tags, blobs: 3 } } }).join('\n\n')
  expect(put).toMatch(/^- `team\/app-499:v1`\n\nAnd 19500 more: the log/m)
})

test('names that a server makes up end no cell, and no code', () => {
  const hostile = { ...verdict('v|<img src=x>', 'last: 1'), tag: 'v|`<img src=x>' }
  const plan = retention([hostile], {
    repositories: [{ name: 'a|@octocat', rule: undefined, goes: [hostile], stays: [hostile], untagged: 0 }],
  })
  const text = retentionSummary({ retention: plan, collected }).join('\n')
  expect(text).toContain('`a\\|@octocat:v\\|’<img src=x>`')
  expect(text.replace(/`[^`]*`/g, '')).not.toMatch(/<img|@octocat/)
})
