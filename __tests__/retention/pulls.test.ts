import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { library } from '../../src/shell.ts'

const read = (...lines: string[]) =>
  spawnSync('perl', ['-e', library('retention/pulls.pl')], { input: lines.join('\n'), encoding: 'utf8' })
    .stdout

const line = (at: string, request: string, status = 200) =>
  `192.0.2.7 - ci [${at}] "${request}" ${status} 1234 "-" "docker/28.2"`

test('the last pull of each tag and digest, in any time zone', () => {
  expect(
    read(
      line('01/Nov/2026:12:00:00 +0000', 'GET /v2/team/app/manifests/1.0 HTTP/1.1'),
      line('02/Nov/2026:01:30:00 +0200', 'HEAD /v2/team/app/manifests/1.0 HTTP/2.0'),
      line('29/Feb/2028:23:59:59 -0100', 'GET /v2/app/manifests/sha256:abc HTTP/2.0'),
    ),
  ).toBe(
    `logs ${Date.UTC(2026, 10, 1, 12) / 1000}\npull app sha256:abc ${Date.UTC(2028, 2, 1, 0, 59, 59) / 1000}\npull team/app 1.0 ${Date.UTC(2026, 10, 1, 23, 30) / 1000}\n`,
  )
})

test('what is no pull counts as none', () => {
  const said = read(
    line('01/Nov/2026:12:00:00 +0000', 'GET /v2/team/app/manifests/1.0 HTTP/1.1', 404),
    line('01/Nov/2026:12:00:00 +0000', 'PUT /v2/team/app/manifests/1.0 HTTP/1.1'),
    line('01/Nov/2026:12:00:00 +0000', 'GET /v2/team/app/tags/list HTTP/1.1'),
    line('01/Nov/2026:12:00:00 +0000', 'GET /v2/../../x/manifests/1 HTTP/1.1'),
    'nonsense',
  )
  expect(said.replace(/^logs \d+\n/, '')).toBe('')
})
