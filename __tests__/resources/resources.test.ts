import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { resources } from '../../src/resources/resources.ts'
import { type Call, line } from '../../src/shell.ts'
import { sh } from '../library.ts'
import { Programs } from '../programs.ts'

const folder = join(import.meta.dirname, '../../src/resources')

test('every folder is a resource in the list', () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter(each => each.isDirectory())
  expect(resources.map(({ name }) => name).sort()).toEqual(folders.map(({ name }) => name).sort())
})

let programs: Programs
beforeEach(() => {
  programs = new Programs()
  mkdirSync(programs.file('etc/systemd/system'), { recursive: true })
  mkdirSync(programs.file('etc/letsencrypt'))
  mkdirSync(programs.file('berth'))
})
afterEach(() => programs.remove())

const units = 'etc/systemd/system'

test.each<[library: string, function_: string, modes: Record<string, string>]>([
  ['page/page', 'page_serve', { 'berth/catalog.pl': '644', [`${units}/unit.service`]: '644' }],
  ['guard/guard', 'guard_up', { 'berth/guard.sh': '644', [`${units}/unit.service`]: '644' }],
])('nobody but root may write what root runs: %s', (library, function_, modes) => {
  expect(written(library, [function_, 'unit', programs.file('berth'), 'a', 'b'])).toEqual(modes)
})

test.each<[call: Call, modes: Record<string, string>]>([
  [['renewal_hook', 'a'], { 'etc/letsencrypt/renewal-hooks/deploy/berth': '755' }],
  [['renewal_care', 'a'], { [`${units}/berth-renewal.service.d/berth-care.conf`]: '644' }],
  [
    ['renewal_trust', 'registry', 'a', 'b'],
    {
      'etc/letsencrypt/berth/authorities/registry.pem': '644',
      [`${units}/berth-renewal.service.d/berth-trust.conf`]: '644',
    },
  ],
  [
    ['renewal_timer', 'a', 'b'],
    { [`${units}/berth-renewal.service`]: '644', [`${units}/berth-renewal.timer`]: '644' },
  ],
])('nor what certbot runs as root: %j', (call, modes) => {
  expect(written('renewal/renewal', call)).toEqual(modes)
})

/** The files that a step makes root’s, with their modes. */
function written(library: string, call: Call): Record<string, string> {
  const { stdout } = sh(
    ['server/apply', `resources/${library}`],
    `umask 022
chown() { echo "chown $*"; }
systemctl() { :; }
sleep() { :; }
set -e
${line(call)}`,
    { root: programs.folder },
  )
  const paths = [...stdout.matchAll(/^chown root:root (.*)\.berth-new$/gm)].map(([, path = '']) => path)
  return Object.fromEntries(
    paths.map(path => [relative(programs.folder, path), (statSync(path).mode & 0o7777).toString(8)]),
  )
}
