import { describe, expect, test } from '@jest/globals'
import type { Access } from '../../../src/desired.ts'
import { pageLocations, pageMaps, pageServer } from '../../../src/resources/page/nginx.ts'
import { rightsMaps } from '../../../src/resources/site/rights.ts'

const names = ['ci', 'alice', 'Alice', 'carol']
const desired = {
  domain: 'registry.example.com',
  directory: '/opt/berth',
  users: names.map(name => ({ name, password: 'x', strong: true })),
  access: new Map([
    ['ci', { pull: [], push: ['**'] }],
    ['alice', { pull: ['team/*', 'tools/lint'], push: ['team/app', 'tools/lint'] }],
    ['Alice', { pull: ['other'], push: [] }],
  ]) as Access | undefined,
  registry: { image: 'registry:3.1.2', config: {} },
  page: true,
}
const text = (wanted: typeof desired = desired) =>
  pageMaps(wanted) + pageServer(wanted) + pageLocations(wanted, '', '        set $passed 1;\n')

test('without `page` there is nothing', () => {
  expect(text({ ...desired, page: false })).toBe('')
  expect(rightsMaps({ ...desired, page: false })).not.toContain('/page/')
})

describe('what a user sees', () => {
  const sees = (name: string, wanted = desired) =>
    [...text(wanted).matchAll(/"~\^\(\?:(.*?)\)\\z" "(.*?)";/g)]
      .filter(([, users = '']) => new RegExp(`^(?:${users})$`).test(name))
      .map(([, , patterns]) => patterns)
      .join(' ')

  test.each([
    ['ci', '**'],
    ['alice', 'team/* tools/lint team/app'],
    ['Alice', 'other'],
    ['carol', ''],
    ['nobody', ''],
  ])('%s', (name, expected) => {
    expect(sees(name)).toBe(expected)
  })

  test('is everything without rules', () => {
    const free = text({ ...desired, access: undefined })
    expect(free).toContain('X-Berth-Sees "**"')
    expect(free).not.toContain('_sees_')
  })

  test('is whole, however much it is, in pieces that nginx takes', () => {
    const pull = Array.from({ length: 200 }, (_, index) => `${'team/'.repeat(20)}${index}`)
    const wanted = { ...desired, access: new Map([['alice', { pull, push: [] }]]) }
    expect(sees('alice', wanted).split(' ')).toEqual(pull)
    const parameters = text(wanted).match(/"[^"]*"/g) ?? []
    expect(Math.max(...parameters.map(each => each.length))).toBeLessThan(4096)
    const [, sent = ''] = /X-Berth-Sees "(.*?)"/.exec(text(wanted)) ?? []
    expect(sent.split(' ').length).toBe(text(wanted).match(/^map \$remote_user /gm)?.length)
  })
})

describe('every way in', () => {
  const locations = [
    ...pageLocations(desired, '', '        set $passed 1;\n').matchAll(
      /^ {4}location (.*?) \{\n(.*?)^ {4}\}/gms,
    ),
  ]
  const named = locations.filter(([, name]) => name?.startsWith('@') && name !== '@page_unauthorized')
  const paths = locations.filter(([, name]) => !name?.startsWith('@'))

  test('asks for the password before all else, and gives nothing itself', () => {
    expect(paths.map(([, name]) => name)).toEqual([
      '/page/',
      '= /page/user',
      '= /page/repositories',
      '^~ /page/tags/',
      '= /page/logout',
    ])
    for (const [, name, content] of paths.slice(0, -1)) {
      expect({ name, content }).toEqual({
        name,
        content: expect.stringMatching(
          /auth_basic "Registry";\n +auth_basic_user_file \/opt\/berth\/htpasswd;.*root \/nonexistent;\n +try_files \/none @page\w*;\n$/s,
        ),
      })
    }
  })

  test('looks at the rules behind that', () => {
    expect(named).toHaveLength(3)
    for (const [, , content] of named)
      expect(content).toMatch(
        /^ +auth_basic off;\n +set \$passed 1;\n +if \(\$b\w{6}_denied\) \{ return 403 /,
      )
  })
})

test('the rules name each path that there is', () => {
  const lines = rightsMaps(desired).match(/"~\^\(\?:GET\|HEAD\) .*\/page\/.*";/g) ?? []
  const asks = lines.map(line => {
    const [, pattern = '', what = ''] = /^"~(.*)" "(.*)";$/.exec(line) ?? []
    return { regex: new RegExp(pattern.replaceAll('\\z', '$')), what }
  })
  const what = (request: string) =>
    asks.find(({ regex }) => regex.test(request))?.what.replace(/\$\w+/, 'NAME')
  for (const path of ['', 'page.js', 'page.css', 'user', 'repositories'])
    expect(what(`GET /page/${path}`)).toBe('log in')
  expect(what('GET /page/tags/team/app')).toBe('pull NAME')
  for (const path of ['tags/', 'tags/team/../app', 'tags/team%2fapp', '../htpasswd', 'page.js/x', 'users'])
    expect(what(`GET /page/${path}`)).toBeUndefined()
  expect(what('POST /page/repositories')).toBeUndefined()
})

test('an open registry asks nobody, and has the same paths', () => {
  const open = text({ ...desired, users: null as never, access: undefined })
  expect(open).not.toContain('auth_basic')
  expect(open).not.toContain('/page/logout')
  expect(open).toContain('location = /page/repositories {')
})

test('only these files run, and nothing may look like them', () => {
  const policy = /Content-Security-Policy "(.*?)"/.exec(text())?.[1]?.split('; ')
  expect(policy).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      'script-src https://registry.example.com/page/page.js',
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
      "frame-ancestors 'none'",
    ]),
  )
  expect(policy?.join()).not.toMatch(/unsafe|\*/)
})
