import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type GitHub, github } from '../../lab/github.ts'
import { failureComment, keepComment, planComment } from '../../src/report/comment.ts'
import type { Step } from '../../src/resources/resource.ts'

const domain = 'registry.example.com'
const token = 'ghs_0123456789'

/** What GitHub takes. */
const most = 65_536

const file = (path: string, before: string, after: string): Step => ({
  resource: 'registry',
  changes: [{ action: before === '' ? 'create' : 'update', summary: path, file: { path, before, after } }],
  call: ['registry_up', 'a-secret-argument'],
})
const users: Step = {
  resource: 'users',
  changes: [
    { action: 'create', summary: 'add ci' },
    { action: 'delete', summary: 'revoke bob' },
  ],
  call: ['users_write', '/opt/berth', 'ci:$2b$05$hash'],
  keeps: 'alice',
}

describe('the text', () => {
  test('has every change, and a diff of each file without its secrets', () => {
    const text = planComment(domain, [
      users,
      file('/opt/berth/config.yml', 'secretkey: old\nlevel: info\n', 'secretkey: new\nlevel: warn\n'),
    ])
    expect(text).toBe(`## ⚓ ${domain}

Mode \`up\` would change this:

\`\`\`diff
+ users: add ci
- users: revoke bob
= users: alice
~ registry: /opt/berth/config.yml
\`\`\`

<details><summary><code>/opt/berth/config.yml</code></summary>

\`\`\`diff
--- /opt/berth/config.yml
+++ /opt/berth/config.yml
@@ -1,2 +1,2 @@
-[not shown]
-[not shown]
+secretkey: [not shown]
+level: warn
\`\`\`

</details>
`)
  })

  test('says that there is nothing to do', () => {
    expect(planComment(domain, [])).toContain('nothing to do')
  })

  test('is not ended by what is in a file', () => {
    const text = planComment(domain, [file('/a', 'x\n', '```\n</details> @everyone\n````\n')])
    expect(text.split('\n').filter(line => line.startsWith('`````'))).toEqual(['`````diff', '`````'])
  })

  test('is never longer than GitHub takes, and says what is missing', () => {
    const long = Array.from({ length: 3000 }, (_, index) => `line ${index}`).join('\n')
    const many: Step = {
      ...users,
      changes: Array.from({ length: 5000 }, (_, index) => ({
        action: 'create',
        summary: `add user-${index}`,
      })),
    }
    const text = planComment(domain, [many, file('/long', long, ''), file('/longer', '', long + long)])
    expect(text.length).toBeLessThan(most - 500)
    expect(text).toContain('<code>/long</code>')
    expect(text).not.toContain('<code>/longer</code>')
    expect(text).toContain('the log of the step has all of it')
    expect(failureComment(domain, long.repeat(3)).length).toBeLessThan(most - 500)
  })
})

describe('on a pull request', () => {
  let hub: GitHub
  beforeEach(async () => {
    hub = await github(token, '127.0.0.1')
  })
  afterEach(() => hub.close())

  const keep = (text: string, pull = 7, name = domain, cleans = false) =>
    keepComment({ name: 'octocat/app', api: hub.api, token }, pull, name, cleans, text)

  test('one comment is written, updated when it differs, and left alone when it does not', async () => {
    expect(await keep('one')).toBe('wrote the plan into a comment on pull request #7')
    expect(await keep('two')).toBe('updated the comment on pull request #7')
    for (const each of hub.comments) each.body = each.body.replaceAll('\n', '\r\n')
    expect(await keep('two')).toBeUndefined()
    expect(hub.comments).toMatchObject([{ issue: 7, body: expect.stringMatching(/two$/) }])
    expect(hub.writes).toHaveLength(2)
  })

  test('each pull request and each registry has its own', async () => {
    await keep('one')
    await keep('one', 8)
    await keep('one', 7, 'other.example.com')
    expect(hub.comments.map(({ issue }) => issue)).toEqual([7, 8, 7])
  })

  test('a plan that cleans up has another one than a plan without', async () => {
    expect(await keep('set up')).toMatch(/^wrote/)
    expect(await keep('clean up', 7, domain, true)).toMatch(/^wrote/)
    expect(await keep('clean up again', 7, domain, true)).toMatch(/^updated/)
    expect(await keep('set up')).toBeUndefined()
    expect(hub.comments.map(({ body }) => body.split('\n').at(-1))).toEqual(['set up', 'clean up again'])
  })

  test('it is found among hundreds, and what somebody else wrote with the same mark is left alone', async () => {
    await keep('one')
    const [own] = hub.comments
    if (!own) throw new Error('there is no comment')
    const user = { login: 'mallory' }
    const quote = { id: 1000, issue: 7, body: own.body, user }
    const others = Array.from({ length: 250 }, (_, index) => ({
      id: 100 + index,
      issue: 7,
      body: 'Hm.',
      user,
    }))
    hub.comments.unshift(quote, ...others)
    expect(await keep('two')).toBe('updated the comment on pull request #7')
    expect(own.body).toContain('two')
    expect(quote.body).toContain('one')
  })
})
