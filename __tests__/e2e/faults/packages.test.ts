import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createServer, type Server, until } from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'
import { scene, silence } from './scene.ts'

jest.setTimeout(300_000)

const here = scene()
const run = (script: string) => here.server.sh(script)
/** So that there is something to install. */
const withoutCertbot = 'dpkg --purge certbot 2>&1'
const serving = () =>
  run('docker ps --no-trunc --format "{{.ID}}"; docker inspect -f "{{.State.StartedAt}}" $(docker ps -q)')

/** Installs a package that is done when /run/go-on is there, and so holds dpkg's lock as unattended upgrades do. */
async function upgrade(work: () => Promise<void>): Promise<void> {
  await run(`cd $(mktemp -d) && mkdir -p slow/DEBIAN && rm -f /run/go-on
    printf 'Package: slow\\nVersion: 1\\nArchitecture: all\\nMaintainer: lab\\nDescription: slow\\n' >slow/DEBIAN/control
    printf '#!/bin/sh\\nuntil [ -e /run/go-on ]; do sleep 0.1; done\\n' >slow/DEBIAN/postinst
    chmod 755 slow/DEBIAN/postinst && dpkg-deb -b slow slow.deb
    systemd-run --quiet --unit upgrade apt-get -q install -y $PWD/slow.deb`)
  await until(
    'the upgrade is at work',
    30,
    async () => (await here.server.run('pgrep -f slow.postinst')).code === 0,
  )
  try {
    await work()
  } finally {
    await run(
      'touch /run/go-on; while systemctl -q is-active upgrade; do sleep 0.1; done; dpkg --purge slow 2>&1',
    )
  }
}

test('certbot missing: it is installed, and the registry does not notice', async () => {
  await run(withoutCertbot)
  const before = await serving()
  const refused = await here.step({ install: 'false' })
  expect(refused.errors).toEqual([
    'the server lacks certbot; install them, or let Berth do it with `install: true`',
  ])
  expect(JSON.parse(succeeded(await here.step()).outputs.plan ?? '')).toContainEqual({
    resource: 'packages',
    action: 'create',
    summary: 'install certbot',
  })
  expect(await serving()).toBe(before)
})

test('dpkg’s lock held: waits, and says so', async () => {
  await run(withoutCertbot)
  await upgrade(async () => {
    const step = await here.step(
      {},
      { onLine: line => /waiting for another package manager/.test(line) && void run('touch /run/go-on') },
    )
    expect(succeeded(step).log).toContain('waiting for another package manager')
  })
})

test('dpkg’s lock held for more than five minutes: gives up, and says by whom', async () => {
  await run(withoutCertbot)
  await upgrade(async () => {
    // The lock is real; only the time passes faster.
    await here.server.write('/usr/local/sbin/sleep', '#!/bin/sh\nexec /bin/sleep 0.01\n', '755')
    const step = await here.step()
    await run('rm /usr/local/sbin/sleep')
    expect(step.errors.join()).toMatch(
      /another package manager \(\S*apt-get, process \d+\) has been at work on the server for five minutes; wait/,
    )
  })
})

test('the lists of apt locked: waits', async () => {
  await run(withoutCertbot)
  await silence(here.server, 7777)
  await run(`systemd-run --quiet --unit lists apt-get -o Acquire::http::Proxy=http://127.0.0.1:7777 update
    until ss -tnH state established 'dport = :7777' | grep -q .; do sleep 0.1; done`)
  const step = await here.step(
    {},
    { onLine: line => /waiting for another package manager/.test(line) && void run('systemctl stop lists') },
  )
  expect(succeeded(step).log).toContain('waiting for another package manager')
})

test('Docker stopped and disabled: it is started, with the registry', async () => {
  await run('systemctl disable --now docker.service docker.socket 2>&1')
  succeeded(await here.step())
  expect(await run('systemctl is-active docker; systemctl is-enabled docker')).toBe('active\nenabled')
})

test.each([
  ['masked', 'systemctl mask docker 2>&1', 'systemctl unmask docker 2>&1', /its unit is masked/],
  [
    'with settings that it refuses',
    'cp /etc/docker/daemon.json /root/; echo nonsense >/etc/docker/daemon.json',
    'mv /root/daemon.json /etc/docker/',
    /invalid character/,
  ],
])('Docker that can’t start, %s: says why, and changes nothing', async (_, damage, mend, reason) => {
  await run(`systemctl stop docker.service docker.socket; ${damage}`)
  const files = 'stat -c "%n %i" /opt/berth/*'
  const before = await run(files)
  const step = await here.step({ 'registry-config': 'log: { level: warn }' })
  expect(await run(files)).toBe(before)
  await run(`${mend}; systemctl reset-failed docker; systemctl start docker`)
  await until('the registry is back', 30, () => here.pulls(`team/app@${here.digest}`))
  expect(step.errors.join()).toContain('Docker does not start on the server')
  expect(step.errors.join()).toMatch(reason)
})

describe('a bare server', () => {
  let bare: Server
  let inputs: Record<string, string>
  beforeAll(async () => {
    bare = await createServer({ ready: false })
    await bare.sh('apt-get -q update 2>&1')
    inputs = { domain: bare.domain, 'ssh-known-hosts': bare.knownHosts }
  })
  afterAll(() => bare?.remove())
  const install = (name: string) => bare.sh(`apt-get -q install -y --no-install-recommends ${name} 2>&1`)

  test('podman’s stand-in for Docker is not removed', async () => {
    await install('podman-docker')
    const step = await here.step(inputs)
    expect(step.errors.join()).toMatch(
      /that would remove podman-docker, which is not Berth’s; remove it or install what is missing by hand/,
    )
    expect(await bare.sh("dpkg-query -W -f '${db:Status-Status}' podman-docker; ls /opt")).toBe('installed')
    await bare.sh('dpkg --purge podman-docker 2>&1')
  })

  test('Docker’s client without an engine: the engine is installed too', async () => {
    await install('docker-cli')
    const step = succeeded(await here.step({ ...inputs, mode: 'plan' }))
    expect(step.outputs.plan).toContain('install docker')
  })
})
