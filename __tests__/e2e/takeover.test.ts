import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { rusty, until } from '../../lab/index.ts'
import { underLoad } from './load.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

// A server that a Berth has set up whose registry published a port and checked passwords itself.

jest.setTimeout(240_000)

const root = join(import.meta.dirname, '../..')
/** The last commit of that kind, with its dist/. */
const before = 'f3c0023'
const isThere = spawnSync('git', ['cat-file', '-e', `${before}:dist/index.js`], { cwd: root }).status === 0
const obstacle = rusty
  ? 'that Berth does not run on coreutils in Rust: there are no such servers to take over'
  : isThere
    ? undefined
    : `this clone has no commit ${before}: its servers can’t be taken over here`
const testThere = obstacle === undefined ? test : test.skip

let here: Registry
let action: string
let digest: string
const image = `takeover-${randomBytes(3).toString('hex')}`

beforeAll(async () => {
  if (obstacle !== undefined) return console.warn(obstacle)
  action = mkdtempSync(join(tmpdir(), 'berth-before-'))
  const archive = execFileSync('git', ['archive', before, 'dist', 'action.yml'], {
    cwd: root,
    maxBuffer: 1 << 28,
  })
  execFileSync('tar', ['-xC', action], { input: archive })
  here = await registry()
  await here.world.runner.sh(
    `d=$(mktemp -d) && echo ${image} >$d/f && printf 'FROM scratch\\nCOPY f /\\n' >$d/Dockerfile && docker build -q -t ${image} $d && rm -r $d`,
    { user: 'runner' },
  )
  const users = `ci:${passwords.ci}\nalice:correct-horse\nbob:${passwords.bob}`
  // The lab's servers have no compose any more, which that Berth installs.
  digest =
    succeeded(await here.step({ users, image: `${image} => team/app:1` }, { action })).outputs.digest ?? ''
})

afterAll(async () => {
  if (obstacle !== undefined) return
  rmSync(action, { recursive: true })
  await here?.world.runner.run(`docker images -q ${image} | xargs -r docker rmi -f`)
  await here?.server.remove()
})

const status = (name: string, password: string, path: string) =>
  here.world.consumer.sh(
    `curl -sk -o /dev/null -w '%{http_code}' -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' -H 'Accept: application/vnd.oci.image.manifest.v1+json' -K - https://${here.server.domain}${path}`,
    { input: `user = "${name}:${password}"` },
  )

testThere('is taken over with users, images and certificate, and nobody notices', async () => {
  const { server } = here
  const chain = `sha256sum /etc/letsencrypt/live/${server.domain}/fullchain.pem`
  const certificate = await server.sh(chain)
  expect(await server.sh('ss -ltnH "sport = :5000"')).toContain('127.0.0.1:5000')
  const manifest = `/v2/team/app/manifests/${digest}`

  const users = `ci:${passwords.ci}\nalice:correct-horse`
  const access = 'ci: push\nalice: { pull: other/** }\n'
  const { answers } = await underLoad(
    here.world.runner,
    `https://${server.domain}/v2/`,
    `ci:${passwords.ci}`,
    async () => {
      const run = succeeded(await here.step({ users, access }))
      expect(run.outputs.plan).toContain('revoke bob')
      expect(run.outputs.plan).not.toMatch(/add (ci|alice)|new password|order for/)
    },
  )
  expect(Object.keys(answers)).toEqual(['200'])
  expect(await server.sh(chain)).toBe(certificate)
  expect(await status('ci', passwords.ci, manifest)).toBe('200')
  expect(await status('alice', 'correct-horse', manifest)).toBe('403')
  expect(await status('bob', passwords.bob, manifest)).toBe('401')

  await until('what published the port is gone', 60, async () =>
    (await server.run('ls /opt/berth/compose.yaml /opt/berth/config.yml /opt/berth/auth 2>/dev/null'))
      .stdout === ''
      ? true
      : undefined,
  )
  expect(await server.sh('ss -ltnH "sport = :5000"')).toBe('')
  expect(await server.sh('docker network ls --format "{{.Name}}" | grep -c berth || :')).toBe('0')
  expect(await server.sh('iptables -S DOCKER-USER 2>/dev/null | grep -c berth || :')).toBe('0')
  expect(succeeded(await here.step({ users, access })).outputs.plan).toBe('[]')
})
