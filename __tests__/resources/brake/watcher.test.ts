import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

const program = join(import.meta.dirname, '../../../src/resources/brake/watcher.pl')
const alice = 'alice:$2y$05$abcdefghijklmnopqrstuu\n'
const ci = 'ci:{SSHA}c2VjcmV0\n'

let place: string
let folder: string
let service: ChildProcess
let last = 0

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'berth-watcher-'))
  folder = join(place, 'brake')
  mkdirSync(join(place, 'run'))
  writeFileSync(join(place, 'htpasswd'), alice + ci)
  await start()
})

afterEach(async () => {
  await stop()
  rmSync(place, { recursive: true })
})

async function start() {
  const args = [program, folder, join(place, 'htpasswd'), join(place, 'run')]
  service = spawn('perl', args, { stdio: 'inherit' })
  await until(() => existsSync(join(folder, 'slow/alice')))
}

async function stop() {
  service.kill()
  await once(service, 'exit')
}

async function until(done: () => boolean) {
  for (const end = Date.now() + 10_000; !done(); ) {
    if (Date.now() > end) throw new Error('nothing happened')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Tells the service of requests as nginx does, and waits until it has heard of them all. */
async function tell(...requests: string[]) {
  const end = `last.${String(++last).padStart(8, '0')}`
  const lines = [...requests, `200 1 ${end.replace('.', ' ')} 203.0.113.250`]
  const send = `
    socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
    connect($socket, pack_sockaddr_un($ARGV[0])) or die $!;
    while (<STDIN>) { chomp; send($socket, "<190>Nov 27 02:00:00 berth: $_", 0) or die $! }`
  execFileSync('perl', ['-MSocket', '-e', send, join(folder, 'log.sock')], { input: `${lines.join('\n')}\n` })
  await until(() => existsSync(join(folder, 'known', end)))
}

const known = () =>
  readdirSync(join(folder, 'known'))
    .filter(each => !each.startsWith('last.'))
    .sort()
const right = (name: string, address = '192.0.2.1', hash = '0123abcd') => `200 1 ${name} ${hash} ${address}`
const wrong = (name: string, address = '192.0.2.1', hash = 'ffffffff') => `401 0 ${name} ${hash} ${address}`
const guesses = (count: number, name = 'alice', address?: string) =>
  Array.from({ length: count }, () => wrong(name, address))

test('credentials that were right are known; wrong ones are not', async () => {
  await tell(right('ci'), wrong('ci'), wrong('alice'))
  expect(known()).toEqual(['ci.0123abcd'])
})

test('what was right once and is wrong now is no longer known', async () => {
  await tell(right('ci'))
  await tell('401 0 ci 0123abcd 192.0.2.1')
  expect(known()).toEqual([])
})

test('a request that failed for another reason says nothing of the password', async () => {
  await tell(right('ci'))
  await tell('502 0 ci 0123abcd 192.0.2.1')
  expect(known()).toEqual(['ci.0123abcd'])
})

test.each([
  '- 0123abcd',
  '../../evil 0123abcd',
  '.hidden 0123abcd',
  'ci 0123abc',
  'ci ../../ab',
  'a/b 0123abcd',
])('nobody is known as %s', async who => {
  await tell(`200 1 ${who} 192.0.2.1`)
  expect(known()).toEqual([])
  expect(readdirSync(place).sort()).toEqual(['brake', 'htpasswd', 'run'])
})

test('users whose password takes long to check are marked, also those that come later', async () => {
  expect(readdirSync(join(folder, 'slow'))).toEqual(['alice'])
  writeFileSync(join(place, 'htpasswd'), `${ci}bob:$apr1$xyz$abcdef\n`)
  await tell()
  expect(readdirSync(join(folder, 'slow'))).toEqual(['bob'])
})

test('after 19 guesses the right password is let through, after 20 it waits in line', async () => {
  await tell(...guesses(19), right('alice'))
  expect(known()).toEqual(['alice.0123abcd'])
  await tell(wrong('alice'), right('alice', '192.0.2.1', '4567abcd'))
  // What was known from there no longer is, either.
  expect(known()).toEqual([])
})

test('guesses hold up nobody elsewhere, and no other user', async () => {
  await tell(...guesses(20), right('alice', '192.0.2.2'), right('ci'))
  expect(known()).toEqual(['alice.0123abcd', 'ci.0123abcd'])
})

test('an IPv6 network is one guesser, whatever its addresses', async () => {
  const addresses = Array.from({ length: 20 }, (_, index) => `2001:db8:1:2::${index.toString(16)}`)
  await tell(...addresses.map(address => wrong('alice', address)))
  await tell(right('alice', '2001:db8:1:2:ffff::1'), right('alice', '2001:db8:1:3::1', '4567abcd'))
  expect(known()).toEqual(['alice.4567abcd'])
})

test('passwords that nobody can guess are not counted', async () => {
  await tell(...guesses(30, 'ci'), right('ci'))
  expect(known()).toEqual(['ci.0123abcd'])
})

test('only nginx’s group may tell it anything, or look', async () => {
  const mode = (path: string) => (statSync(join(folder, path)).mode & 0o7777).toString(8)
  await tell(right('ci'))
  expect(['.', 'known', 'slow', 'log.sock', 'known/ci.0123abcd', 'slow/alice'].map(mode)).toEqual([
    '750',
    '750',
    '750',
    '660',
    '640',
    '640',
  ])
  const group = statSync(join(place, 'run')).gid
  expect(['.', 'log.sock', 'known/ci.0123abcd'].map(path => statSync(join(folder, path)).gid)).toEqual([
    group,
    group,
    group,
  ])
})

test('nobody is known after a restart', async () => {
  await tell(right('ci'))
  await stop()
  await start()
  await until(() => known().length === 0)
})
