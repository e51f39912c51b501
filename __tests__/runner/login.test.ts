import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { logIn, logOut } from '../../src/runner/login.ts'
import { Programs } from '../programs.ts'

const domain = 'registry.example.com'
const user = { name: 'ci', password: 'pass word' }

let programs: Programs
const before = process.env.DOCKER_CONFIG
beforeEach(() => {
  programs = new Programs()
  process.env.DOCKER_CONFIG = programs.file('config')
  mkdirSync(programs.file('config'))
  // Enough of Docker’s own: one login in the file, and none after a logout.
  programs.add(
    'docker',
    `echo "$*" >>"$here/args"; file=$DOCKER_CONFIG/config.json
case $1 in
login) cat >"$here/stdin"; echo '{"auths":{"${domain}":{"auth":"ours"}}}' >"$file" ;;
logout) echo '{"auths":{}}' >"$file" ;;
esac`,
  )
})
afterEach(() => {
  programs.remove()
  if (before === undefined) delete process.env.DOCKER_CONFIG
  else process.env.DOCKER_CONFIG = before
})

const seen = (name: string) => readFileSync(programs.file(name), 'utf8')
const write = (config: unknown) => writeFileSync(programs.file('config/config.json'), JSON.stringify(config))
const memory = () => programs.file('berth-0badcafe')

test('the password is on no command line, and what is remembered is nobody else’s to read', async () => {
  expect(await logIn(domain, user, memory())).toBe('')
  expect(seen('stdin')).toBe(user.password)
  expect(seen('args')).toBe(`login --username ci --password-stdin ${domain}\n`)
  expect(statSync(`${memory()}/login.json`).mode & 0o777).toBe(0o600)
  await logOut(memory())
  expect(existsSync(programs.file('config/config.json'))).toBe(false)
})

test('a second try remembers what was before the first', async () => {
  const auths = { [domain]: { auth: 'theirs' } }
  write({ auths })
  await logIn(domain, user, memory())
  await logIn(domain, user, memory())
  await logOut(memory())
  expect(JSON.parse(seen('config/config.json')).auths).toEqual(auths)
})

test('a helper gets back what it had, in the folder that was Docker’s then', async () => {
  write({ credHelpers: { [domain]: 'box' } })
  programs.add(
    'docker-credential-box',
    `url=$(cat); echo "$1 $url" >>"$here/helper"
[ "$1 $url" = 'get ${domain}' ] || exit 1; echo '{"Username":"alice","Secret":"s"}'`,
  )
  await logIn(domain, user, memory())
  process.env.DOCKER_CONFIG = '/nowhere'
  await logOut(memory())
  expect(seen('helper').trim().split('\n').at(-1)).toBe(
    `store {"Username":"alice","Secret":"s","ServerURL":"${domain}"}`,
  )
})

test('an earlier login comes back also where a later step has removed the file', async () => {
  const auths = { [domain]: { auth: 'theirs' } }
  write({ auths })
  await logIn(domain, user, memory())
  programs.add('docker', 'rm -rf "$DOCKER_CONFIG"')
  await logOut(memory())
  expect(JSON.parse(seen('config/config.json')).auths).toEqual(auths)
})

test('a configuration that a later step has broken is left as it is, and said', async () => {
  write({ auths: { [domain]: { auth: 'theirs' } } })
  await logIn(domain, user, memory())
  programs.add('docker', 'echo broken >"$DOCKER_CONFIG/config.json"')
  await expect(logOut(memory())).rejects.toThrow('can’t be read any more')
  expect(seen('config/config.json')).toBe('broken\n')
})

test('what Docker says when it refuses is returned', async () => {
  programs.add('docker', 'echo first >&2; echo "Error: no" >&2; exit 1')
  expect(await logIn(domain, user, memory())).toBe('Error: no')
})

test('without a login there is nothing to take back', async () => {
  await logOut(memory())
  expect(existsSync(programs.file('args'))).toBe(false)
})
