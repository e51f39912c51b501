import { expect, test } from '@jest/globals'
import { diff } from '../../src/report/diff.ts'

const path = '/opt/berth/generations/0badcafe/config.yml'

// What people write into files by hand, none of which a pull request may show.
test.each([
  '# password: hunter2',
  'proxy_set_header Authorization "Basic aHVudGVyMg==";',
  's3: {secretkey: hunter2}',
  'Environment=AWS_SECRET_ACCESS_KEY=hunter2',
  'ExecStart=/usr/bin/x --token=hunter2',
  'url: https://user:hunter2@example.com',
])('%s', line => {
  expect(diff({ path: '/etc/nginx/x.conf', before: `a\n${line}\n`, after: 'a\nb\n' })).not.toMatch(
    /hunter2|aHVudGVyMg/,
  )
})

test('a line that Berth did not write is told of, with its place', () => {
  expect(diff({ path: '/x', before: 'a\n  by hand\nb\n', after: 'a\nb\n' })).toContain(
    ' a\n  -  [not shown]\n   b',
  )
})

test.each([
  'secretkey: hunter2',
  'password: hunter2',
  'remoteurl: https://user:hunter2@example.com',
  'remoteurl: https://user:pa/hunter2@example.com/',
  'regionendpoint: user:hunter2@minio.example.com',
  'secretkey: |-\n  one\n  region: hunter2\n\n  level: hunter2',
  'secretkey: "one\n  region: hunter2\n  three"',
  'endpoints:\n  - name: |-\n      one\n      region: hunter2',
  'list:\n  - |-\n    region: hunter2',
  'whatever: hunter2',
  '- hunter2',
])('of the user’s own settings %s is not shown', line => {
  const text = diff({ path, before: '', after: `version: 0.1\n${line}\n` })
  expect(text).not.toContain('hunter2')
  expect(text).toContain('+version: 0.1')
})

test('harmless settings are shown', () => {
  expect(diff({ path, before: 'level: info\n', after: 'level: warn\nbucket: images\n' })).toContain(
    '+level: warn\n  +bucket: images',
  )
})

test('settings below a value that is not shown, and those of a list, are shown', () => {
  const after =
    's3:\n  secretkey: x\n  region: r\nendpoints:\n  - name: x\n    timeout: 5s\nlog:\n  level: info\n'
  const text = diff({ path, before: '', after })
  for (const line of ['  region: r', '    timeout: 5s', '  level: info']) expect(text).toContain(`+${line}`)
})

test('that only hidden values differ is said', () => {
  expect(diff({ path, before: 'secretkey: a\n', after: 'secretkey: b\n' })).not.toMatch(/: [ab]$/m)
})
