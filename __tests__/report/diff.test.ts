import { describe, expect, test } from '@jest/globals'
import { diff } from '../../src/report/diff.ts'

const path = '/opt/berth/config.yml'

test('says what changes, with the lines around it', () => {
  const before = 'a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\n'
  expect(diff({ path, before, after: before.replace('f: 6', 'f: 7') })).toBe(
    `  --- ${path}\n  +++ ${path}\n  @@ -3,4 +3,4 @@\n   c: 3\n   d: 4\n   e: 5\n  -f: 6\n  +f: 7`,
  )
})

test('a new file is all new', () => {
  expect(diff({ path, before: '', after: 'a\n' })).toBe(
    `  --- /dev/null\n  +++ ${path}\n  @@ -0,0 +1,1 @@\n  +a`,
  )
})

describe('shows no credential, old or new', () => {
  test.each([
    ['a secret key', 'secretkey: HIDE\n'],
    ['an access key', 's3:\n  accesskey: HIDE\n'],
    ['one with a hyphen', 'access-key: HIDE\n'],
    ['a password', 'redis:\n  password: "HIDE"\n'],
    ['a passphrase', 'passphrase: HIDE\n'],
    ['a token, as in a header', 'headers:\n  X-Token: HIDE\n'],
    ['Authorization', '  Authorization: [Bearer HIDE]\n'],
    ['an assignment', 'REGISTRY_HTTP_SECRET=HIDE\n'],
    ['credentials in several lines', 'credentials:\n  user: HIDE\n  more:\n    - HIDE\nlevel: info\n'],
    ['a list', 'tokens:\n- HIDE\n- HIDE\nlevel: info\n'],
    ['a block of text', 'private_key: |\n  HIDE\n\n  HIDE\nlevel: info\n'],
    ['a list of maps', 'endpoints:\n  - password: HIDE\n    url: x\n'],
    ['a URL', 'url: https://me:HIDE@example.com/x\n'],
    ['a DSN', 'dsn: HIDE\n'],
    ['quotes around the key', '"api_key": "HIDE"\n'],
  ])('%s', (_, text) => {
    const shown = diff({
      path,
      before: text.replaceAll('HIDE', 'hidden-one'),
      after: `${text.replaceAll('HIDE', 'hidden-two')}more: 1\n`,
    })
    expect(shown).not.toContain('hidden')
    expect(shown).toContain('+more: 1')
  })

  test('and says so when nothing else differs', () => {
    expect(diff({ path, before: 'secret: a\n', after: 'secret: b\n' })).toBe(
      `  ${path}: only values that are not shown differ`,
    )
  })
})

test.each([['htpasswd: /auth\n'], ['level: debug\n'], ['path: /auth/htpasswd\n']])('shows %j', text => {
  expect(diff({ path, before: '', after: text })).toContain(text.trim())
})
