import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import {
  createRunner,
  createServer,
  type ForwardProxy,
  forwardProxy,
  type GitHub,
  github,
  key,
  type Runner,
  runStep,
  type Server,
  type StepOptions,
  world,
} from '../../lab/index.ts'
import { passwords, succeeded } from './registry.ts'

// A self-hosted runner that gets out of its company by a proxy only, while the registry is a machine of the company.

jest.setTimeout(240_000)

const token = 'ghs_of-a-runner-behind-a-proxy'
const user = { user: 'runner' }

let server: Server
let runner: Runner
let hub: GitHub
let proxy: ForwardProxy
let inputs: Record<string, string>
let env: Record<string, string>

beforeAll(async () => {
  const { acme } = await world()
  ;[server, runner, hub] = await Promise.all([createServer(), createRunner(), github(token)])
  const { host, hostname, port } = new URL(hub.api)
  proxy = await forwardProxy([host])
  env = {
    GITHUB_API_URL: hub.api,
    ...Object.fromEntries(
      ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].map(name => [name, proxy.url]),
    ),
  }
  inputs = {
    domain: server.domain,
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    users: `ci:${passwords.ci}`,
    'acme-server': acme.directory,
    ca: acme.trust,
  }
  await runner.sh(`iptables -I OUTPUT -d ${hostname} -p tcp --dport ${port} -j REJECT`)
  await runner.sh(
    `d=$(mktemp -d) && cd $d && date +%s%N >f && printf 'FROM scratch\\nCOPY f /\\n' >Dockerfile && docker build -q -t app . && rm -r $d && skopeo copy -q docker-daemon:app:latest oci-archive:/tmp/app.tar`,
    user,
  )
})
afterAll(async () => {
  proxy?.close()
  hub?.close()
  await Promise.all([server?.remove(), runner?.remove()])
})

const step = (more: Record<string, string>, options: StepOptions = {}) =>
  runStep(runner, { ...inputs, ...more }, { env, ...options })

/** Cuts the runner’s own way to the registry’s HTTPS, or opens it again. */
const direct = (open: boolean) =>
  runner.sh(
    `for each in iptables ip6tables; do $each ${open ? '-D' : '-I'} OUTPUT -p tcp --dport 443 -j REJECT --reject-with tcp-reset; done`,
  )

/** Gives the runner’s engine the proxy, but for these names. */
async function dockerProxy(without: string): Promise<void> {
  await runner.write(
    '/etc/systemd/system/docker.service.d/proxy.conf',
    `[Service]\nEnvironment=HTTPS_PROXY=${proxy.url} NO_PROXY=${without}\n`,
  )
  await runner.sh('systemctl daemon-reload && systemctl restart docker')
}

test('GitHub is asked through the proxy, and the registry without it, by Docker and by skopeo', async () => {
  const image = 'app => team/app\n/tmp/app.tar => team/archive'
  const run = succeeded(await step({ image }))
  expect(run.outputs.images?.split('\n')).toHaveLength(2)
  expect(proxy.asked).toEqual([])

  const event = { name: 'pull_request', ref: 'refs/pull/7/merge', payload: { number: 7 } }
  const planned = succeeded(await step({ mode: 'plan', 'github-token': token }, { event }))
  expect(planned.annotations).toEqual([])
  expect(hub.comments).toEqual([expect.objectContaining({ issue: 7 })])
  expect([...new Set(proxy.asked)]).toEqual([new URL(hub.api).host])
})

test('no way to the registry but through the proxy: said, and `push-through: ssh` is one', async () => {
  await direct(false)
  try {
    const image = 'app => team/app'
    const closed = await step({ mode: 'push', image })
    expect(closed.errors.join()).toMatch(
      /nothing listens on port 443 at .* This runner has a proxy \(HTTPS_PROXY\), and Berth does not go through it: let the runner reach/,
    )
    const known = await step({ mode: 'push', image }, { env: { ...env, NO_PROXY: 'berth.test' } })
    expect(known.errors.join()).toMatch(/nothing listens on port 443 at /)
    expect(known.errors.join()).not.toContain('HTTPS_PROXY')
    const through = succeeded(await step({ mode: 'push', image, 'push-through': 'ssh' }))
    expect(through.outputs.digest).toMatch(/^sha256:/)
  } finally {
    await direct(true)
  }
})

test('Docker goes to the registry through the proxy, which refuses: its `no-proxy` is named, and helps', async () => {
  const image = 'app => team/by-docker'
  await dockerProxy('localhost')
  const refused = await step({ mode: 'push', image })
  const words = new RegExp(`through a proxy that does not reach it; add ${server.domain} to its \`no-proxy\``)
  expect(refused.errors).toEqual([expect.stringMatching(words)])
  expect(proxy.asked).toContain(`${server.domain}:443`)
  const login = await step({ mode: 'push', login: 'true' })
  expect(login.errors).toEqual([expect.stringMatching(words)])
  await dockerProxy(server.domain)
  succeeded(await step({ mode: 'push', image, login: 'true' }))
})
