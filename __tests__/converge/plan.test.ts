import { describe, expect, jest, test } from '@jest/globals'
import { planDown, planUp } from '../../src/converge/plan.ts'
import type { Desired } from '../../src/desired.ts'
import { Facts } from '../../src/server/facts.ts'
import { recorded, suites } from '../recorded.ts'

// The recorded certificates are valid for years, but not for ever.
jest.useFakeTimers({ now: new Date('2026-11-24') })

const lines = (desired: Desired, facts: Facts, from = planUp) =>
  from(desired, facts).steps.flatMap(({ resource, changes }) =>
    changes.map(({ action, summary }) => `${action} ${resource}: ${summary}`),
  )

describe.each(suites)('a real server, %s', suite => {
  const { desired } = recorded(suite, 'bare')
  const { domain } = desired
  const rest = [
    expect.stringMatching(/^create registry: \/opt\/berth\/generations\/[0-9a-f]{8}\/start$/),
    expect.stringMatching(/^create registry: \/opt\/berth\/generations\/[0-9a-f]{8}\/config\.yml$/),
    expect.stringMatching(/^create registry: start registry:[\d.]+$/),
    `create certificate: order for ${domain}`,
    'create brake: /opt/berth/watcher.pl',
    `create brake: berth-brake-${domain}.service`,
    `create site: berth-${domain}.conf`,
    'create users: add ci',
    'create users: add alice',
    'create renewal: reload nginx when a certificate is renewed',
    'create renewal: check what is served after each round',
    'create renewal: trust the private certificate authority',
  ]
  const guard = ['create guard: /opt/berth/guard.sh', `create guard: berth-guard-${domain}.service`]

  test('bare', () => {
    expect(lines(desired, recorded(suite, 'bare').facts)).toEqual([
      ...['docker', 'nginx', 'certbot'].map(name => `create packages: install ${name}`),
      ...rest,
      'create renewal: a timer that renews the certificate',
      ...guard,
    ])
  })

  test('with its packages', () => {
    expect(lines(desired, recorded(suite, 'ready').facts)).toEqual([...rest, ...guard])
  })

  test('converged: nothing is left to do', () => {
    expect(lines(desired, recorded(suite, 'converged').facts)).toEqual([])
  })

  test('bare, and nothing may be installed', () => {
    const { facts } = recorded(suite, 'bare')
    expect(() => planUp({ ...desired, install: false }, facts)).toThrow(
      'the server lacks docker, nginx, certbot; install them, or let Berth do it with `install: true`',
    )
  })

  test.each([
    ['another image', { registry: { ...desired.registry, image: 'registry:3.0.0' } }, ['registry']],
    ['a setting', { registry: { ...desired.registry, config: { log: { level: 'debug' } } } }, ['registry']],
    ['a removed user', { users: desired.users?.slice(0, 1) ?? [] }, ['users']],
    ['no users at all', { users: null }, ['brake', 'site', 'users']],
    ['another authority', { acme: { ...desired.acme, server: 'https://other.example/dir' } }, ['renewal']],
    ['no private authority', { acme: { ...desired.acme, ca: undefined } }, ['renewal']],
  ])('converged, then %s', (_, changes, resources) => {
    const { steps } = planUp({ ...desired, ...changes }, recorded(suite, 'converged').facts)
    expect([...new Set(steps.map(({ resource }) => resource))]).toEqual(resources)
  })

  test('taken away: the last that was built goes first, and data stay', () => {
    const { steps } = planDown(desired, recorded(suite, 'converged').facts)
    expect([...new Set(steps.map(({ resource }) => resource))]).toEqual([
      'guard',
      'renewal',
      'site',
      'brake',
      'registry',
    ])
    expect(planDown(desired, recorded(suite, 'ready').facts).steps).toEqual([])
  })

  test('taken away: never what is another registry’s', () => {
    const other = { ...desired, domain: 'other.example.com', purge: true }
    expect(() => planDown(other, recorded(suite, 'converged').facts)).toThrow(
      `/opt/berth belongs to the registry ${desired.domain}`,
    )
  })
})

describe('who asks for passwords changes, and whichever step fails, somebody does', () => {
  const { desired: nginx, output } = recorded('trixie', 'converged')
  const auth = {
    token: { realm: 'https://auth.example.com', service: 'a', issuer: 'b', rootcertbundle: '/c' },
  }
  const itself: Desired = { ...nginx, registry: { ...nginx.registry, config: { auth } } }
  const calls = (desired: Desired, facts: Facts) => planUp(desired, facts).steps.map(({ call }) => call)
  const also = (values: Record<string, string>) => {
    const all = Object.entries({ 'registry.rules': 'yes', 'registry.trust': 'yes', ...values })
    const lines = all.map(([name, value]) => `berth:${name}=${value}\n`)
    return Facts.parse(output.replace(/^berth:end/m, `${lines.join('')}berth:end`))
  }
  const packed = (mode: string, owner: string, text = '') =>
    `${mode} ${owner} ${Buffer.from(text).toString('base64')}`

  /** What a server reports where the registry asks itself: what the calls towards that have written. */
  function asking(): Record<string, string> {
    const made = calls(itself, also({}))
    const text = (name: string, index: number) => made.find(([each]) => each === name)?.[index]
    return {
      'users.htpasswd': 'absent',
      'brake.script': 'absent',
      'brake.unit': 'absent',
      'registry.generation': text('registry_up', 3) ?? '',
      'registry.start': packed('755', 'root:root', text('registry_up', 4)),
      'registry.config': packed('600', '65532:65532', text('registry_up', 5)),
      'site.file': packed('644', 'root:root', text('site_write', 3)),
    }
  }

  /** Whether nginx and the registry ask, at first and after each step. */
  function guards(steps: readonly (readonly string[])[], before: { nginx: boolean; registry: boolean }) {
    const all = [before]
    for (const [name, , , ...texts] of steps) {
      const last = all.at(-1) ?? before
      if (name === 'registry_up') all.push({ ...last, registry: /^auth:/m.test(texts[2] ?? '') })
      if (name === 'site_write') all.push({ ...last, nginx: texts.join().includes('auth_basic_user_file') })
    }
    return all
  }

  test('the registry is to ask', () => {
    const all = guards(calls(itself, also({})), { nginx: true, registry: false })
    expect(all.at(-1)).toEqual({ nginx: false, registry: true })
    expect(all.filter(each => !each.nginx && !each.registry)).toEqual([])
  })

  const { 'site.file': _, ...cutOff }: Record<string, string> = { ...asking(), 'site.loaded': 'no' }
  test.each([
    ['nginx is to ask', asking()],
    ['nginx is to ask, and a run was cut off before nginx had read its site', cutOff],
  ])('%s', (_, seen) => {
    const all = guards(calls(nginx, also(seen)), { nginx: false, registry: true })
    expect(all.at(-1)).toEqual({ nginx: true, registry: false })
    expect(all.filter(each => !each.nginx && !each.registry)).toEqual([])
  })

  test('an older Berth’s site points to a port, and goes on until the new registry serves', () => {
    const old =
      'server {\n    listen 443 ssl;\n    ssl_certificate /a;\n    location / { proxy_pass http://127.0.0.1:5000; }\n}\n'
    const seen = { 'registry.generation': '', 'site.file': packed('644', 'root:root', old) }
    const names = calls(nginx, also(seen)).map(([name]) => name)
    expect(names.filter(name => ['registry_up', 'site_write'].includes(name ?? ''))).toEqual([
      'registry_up',
      'site_write',
    ])
  })

  test('nothing is left to do where the registry asks', () => {
    expect(calls(itself, also(asking()))).toEqual([])
  })
})

test('a fact that is missing is named', () => {
  const { desired } = recorded('trixie', 'bare')
  expect(() => planUp(desired, Facts.of({}))).toThrow('the server did not say')
})
