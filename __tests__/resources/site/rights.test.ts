import { expect, test } from '@jest/globals'
import { patternRegex, rightsLocation, rightsMaps } from '../../../src/resources/site/rights.ts'

const domain = 'registry.example.com'
const users = ['ci', 'a.b', 'me+x@example.com'].map(name => ({ name, password: 'x', strong: true }))

test('an open registry has no rules, nor one without any', () => {
  const open = { domain, users: null, access: undefined, page: false }
  const free = { domain, users, access: undefined, page: false }
  for (const desired of [open, free]) expect(rightsMaps(desired) + rightsLocation(desired)).toBe('')
})

test('names are taken literally, and as a whole', () => {
  const maps = rightsMaps({
    domain,
    users,
    access: new Map([['*', { pull: ['**'], push: [] }]]),
    page: false,
  })
  expect(maps).toContain('"~^(?:ci|a\\.b|me\\+x@example\\.com) pull (?:.*)\\z" "";')
})

test('two registries on a server share no variable', () => {
  const variables = (name: string) =>
    new Set(rightsMaps({ domain: name, users, access: new Map(), page: true }).match(/\$b[0-9a-f]{6}_\w+/g))
  const other = variables('a-b.example.com')
  for (const variable of variables('a.b.example.com')) {
    expect(other).not.toContain(variable)
    // Longer ones do not fit into the 64 bytes of a bucket of nginx’s beside one more, and `nginx -t` warns.
    expect(variable.length).toBeLessThanOrEqual('$'.length + 22)
  }
})

test.each([
  ['plainly', 'team/app'],
  ['quoted', 'team%2Fapp'],
  ['quoted, 239 characters for the registry and 397 on the way to it', Array(80).fill('ab').join('%2F')],
])('the repository that a layer is taken from is seen if it is written %s', (_, from) => {
  const maps = rightsMaps({ domain, users, access: new Map(), page: false })
  const [, regex = ''] = /"~(\^POST [^"]*)" \$b\w+_from;/.exec(maps) ?? []
  const found = new RegExp(regex.replaceAll('\\z', '$')).exec(
    `POST /v2/app/blobs/uploads/?mount=sha256:abc&from=${from}&x=y`,
  )
  expect(Object.values(found?.groups ?? {})).toEqual([from])
})

test('no parameter is longer than nginx takes, however many users there are', () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({
    name: `user${index}`.padEnd(100, 'x'),
    password: 'x',
    strong: true,
  }))
  const pattern = `${'a/'.repeat(120)}*`
  const maps = rightsMaps({
    domain,
    users: many,
    page: true,
    access: new Map([
      ['*', { pull: Array.from({ length: 30 }, (_, index) => `${pattern}${index}`), push: [] }],
    ]),
  })
  const parameters = maps.match(/"[^"]*"/g) ?? []
  expect(parameters.length).toBeGreaterThan(1000)
  expect(Math.max(...parameters.map(each => each.length))).toBeLessThan(4096)
})

test.each([
  ['team/app', ['team/app', 'team%2Fapp'], ['team/app2', 'xteam/app', 'team/app/x']],
  ['team/*', ['team/app', 'team%2fapp'], ['team/a/b', 'team', 'teams/a', 'team%2Fa%2Fb']],
  ['team/**', ['team/app', 'team/a/b'], ['team', 'teams/a']],
  ['app-*', ['app-1', 'app-'], ['app', 'app-1/x']],
  ['a.b', ['a.b'], ['axb']],
  ['**', ['a', 'a/b/c'], []],
])('%s', (pattern, matching, others) => {
  const regex = new RegExp(`^(?:${patternRegex(pattern)})$`)
  for (const each of matching) expect(each).toMatch(regex)
  for (const each of others) expect(each).not.toMatch(regex)
})
