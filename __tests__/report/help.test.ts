import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from '@babel/parser'
import { expect, test } from '@jest/globals'
import { anchor, headings, helpFor, page, topic } from '../../src/report/help.ts'

const root = join(import.meta.dirname, '../..')
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })

/** What looks like a failure and is none: words of a plan, of a retry, or put before or behind other words. */
const harmless = [
  /^take over …/,
  /^…; try …/,
  /^… to make; this/,
  /^…: the image has …$/,
  /^\{ … </,
  /^nothing; its container/,
]

test.each(messages())('“%s” leads to its place', message => {
  expect(topic(message)).toBeDefined()
})

test('every place is a heading of docs/troubleshooting.md, and the other way round', () => {
  const text = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8')
  const found = [...text.matchAll(/^### (.*)$/gm)].map(match => match[1])
  expect(found.toSorted()).toEqual([...headings].sort())
})

test.each([
  ['ssh-key: is a public key; …', 'The SSH key can’t be used'],
  ['users: line 2 has no colon', 'Users, passwords and access'],
  ['renew-before: "x" is not a whole number', 'An input is missing or wrong'],
  ['registry (start x) failed; the server said:\n  denied', 'A step on the server failed'],
  [
    'certificate (order for x) failed: the A record of x, 192.0.2.1, refuses connections on port 80; let everybody in',
    'Port 80 can’t be reached',
  ],
])('%s', (message, heading) => {
  expect(topic(message)).toBe(heading)
})

test('anchors are GitHub’s', () => {
  expect(anchor('The SSH key can’t be used')).toBe('the-ssh-key-cant-be-used')
  expect(anchor('Users, passwords or access')).toBe('users-passwords-or-access')
})

test('pages are those of the version that runs', () => {
  const env = { GITHUB_SERVER_URL: 'https://github.com', GITHUB_ACTION_REPOSITORY: 'berth/berth' }
  expect(page('users.md', { ...env, GITHUB_ACTION_REF: 'v1' })).toBe(
    'https://github.com/berth/berth/blob/v1/docs/users.md',
  )
  expect(page('users.md', env)).toBe('https://github.com/berth/berth/blob/HEAD/docs/users.md')
  expect(helpFor('who knows', {})).toBe('docs/troubleshooting.md')
})

/**
 * All that may be told as a failure: what is thrown, and what has a cause and a next action with a semicolon in between.
 * Messages about inputs begin with the input’s name, by which they are found.
 */
function messages(): string[] {
  const found = new Set<string>()
  const add = (text: string, thrown: boolean) => {
    const sentence = text.trim().split(/\s+/).length >= 4 && !/[\n$]/.test(text)
    if (sentence && (thrown || /\S; \S/.test(text))) found.add(text)
  }
  for (const path of sources.filter(path => !/^(inputs|report.help)/.test(path) && /\.(ts|sh)$/.test(path))) {
    const text = readFileSync(join(root, 'src', path), 'utf8')
    if (path.endsWith('.sh')) {
      for (const [, , words = ''] of text.matchAll(/echo (['"])(.*)\1/g)) {
        add(words.replace(/\$\([^)]*\)|\$\{?\w+\}?/g, '…'), false)
      }
    } else if (path.endsWith('.ts')) {
      visit(parse(text, { sourceType: 'module', plugins: ['typescript'] }).program, false, add)
    }
  }
  return [...found].filter(text => !harmless.some(pattern => pattern.test(text)))
}

interface Node {
  type: string
  value?: string
  quasis?: { value: { cooked: string } }[]
  callee?: { name?: string; property?: { name?: string } }
}

/** Every text in a syntax tree, with … for what is put into it. */
function visit(node: unknown, thrown: boolean, add: (text: string, thrown: boolean) => void): void {
  if (typeof node !== 'object' || node === null) return
  const { type, value, quasis, callee } = node as Node
  // What is said on the way is no failure.
  if (
    type === 'CallExpression' &&
    /^(say|said|debug|line)$/.test(callee?.name ?? callee?.property?.name ?? '')
  )
    return
  if (type === 'StringLiteral') add(value ?? '', thrown)
  if (type === 'TemplateLiteral') add(quasis?.map(each => each.value.cooked).join('…') ?? '', thrown)
  const inside = thrown || (type === 'NewExpression' && /Error|Transient|DiskFull/.test(callee?.name ?? ''))
  for (const child of Object.values(node)) visit(child, inside, add)
}
