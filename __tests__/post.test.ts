import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

let temp: string
beforeEach(() => {
  temp = join(mkdtempSync(join(tmpdir(), 'berth-post-')), 'temp')
  mkdirSync(temp)
})
afterEach(() => rmSync(join(temp, '..'), { recursive: true }))

/** Runs the post step with what was saved as state. */
const post = (state: Record<string, string>) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '../src/post.ts')], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      HOME: temp,
      XDG_CONFIG_HOME: join(temp, 'config'),
      RUNNER_TEMP: temp,
      ...state,
    },
  })

const make = (path: string) => {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, '')
  return path
}

test('takes away what the step wrote', () => {
  const key = make(join(temp, 'berth-0badcafe/ssh/key'))
  const trust = make(join(temp, 'config/docker/certs.d/registry.example.com/berth-0badcafe.crt'))
  expect(post({ STATE_folder: join(temp, 'berth-0badcafe'), STATE_trust: trust }).status).toBe(0)
  expect([key, trust].filter(existsSync)).toEqual([])
})

test('a login that can’t come back is a warning, and everything else goes all the same', () => {
  writeFileSync(join(temp, 'config.json'), 'broken')
  const login = {
    domain: 'registry.example.com',
    folder: temp,
    existed: true,
    entries: { a: { auth: 'x' } },
    kept: [],
  }
  const key = make(join(temp, 'berth-0badcafe/ssh/key'))
  const trust = make(join(temp, 'config/docker/certs.d/registry.example.com/berth-0badcafe.crt'))
  writeFileSync(join(temp, 'berth-0badcafe/login.json'), JSON.stringify(login))
  const { status, stdout, stderr } = post({ STATE_folder: join(temp, 'berth-0badcafe'), STATE_trust: trust })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^::warning title=Berth%3A Docker’s login::.* can’t be read any more/m)
  expect([key, trust].filter(existsSync)).toEqual([])
})

// The log of a hostile server could have saved other names.
test.each(['', 'berth-0badcafe/..', '../elsewhere', 'berth-nothex00', 'other'])(
  'touches no folder called %j',
  name => {
    const files = [make(join(temp, 'other/file')), make(join(temp, name, 'file'))]
    post({ STATE_folder: `${temp}/${name}` })
    expect(files.filter(existsSync)).toEqual(files)
  },
)

test.each([
  'config/docker/certs.d/registry.example.com/ca.crt',
  'config/docker/certs.d/../berth-0badcafe.crt',
  'config/other/berth-0badcafe.crt',
  'berth-0badcafe.crt',
])('touches no authority called %s', name => {
  const file = make(join(temp, name))
  post({ STATE_trust: `${temp}/${name}` })
  expect(existsSync(file)).toBe(true)
})
