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
      /another package manager \(\S*apt-get, process \d+\) has been running on the server for five minutes; wait/,
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

test('the firewall’s rules flushed, Docker’s among them, under a registry that needs a network: said by plan and by up', async () => {
  const talkative = (level: string) => ({
    'registry-config': `notifications: { endpoints: [] }\nlog: { level: ${level} }`,
  })
  succeeded(await here.step(talkative('info')))
  const plan = async () => succeeded(await here.step({ ...talkative('info'), mode: 'plan' })).log
  const words = 'Docker’s rules are gone from the server’s firewall'
  expect(await plan()).not.toContain(words)
  // While there are rules: in the lab, DNS is among what they do.
  await run('apt-get -q update 2>&1; apt-get -q install -y --no-install-recommends nftables 2>&1')
  await run('nft flush ruleset')
  expect(await plan()).toContain(words)
  expect(succeeded(await here.step(talkative('warn'))).log).toContain(words)
  expect(await here.pulls('team/app:1')).toBe(true)
  await run('systemctl restart docker')
  expect(succeeded(await here.step({ ...talkative('warn'), mode: 'plan' })).log).not.toContain(words)
})

test('the firewall’s rules flushed, Docker’s among them: pulls go on, and a new container starts', async () => {
  const before = await serving()
  await run(
    'for table in filter nat mangle; do iptables -t $table -F && iptables -t $table -X; done; iptables -P FORWARD ACCEPT; ! iptables -S DOCKER 2>&1',
  )
  expect(await here.pulls('team/app:1')).toBe(true)
  succeeded(await here.step({ 'registry-config': 'log: { level: warn }' }))
  expect(await serving()).not.toBe(before)
  expect(await here.pulls('team/app:1')).toBe(true)
})

test('a registry of images that gives no more of them for now: says what to do, and changes nothing', async () => {
  await here.server.write(
    '/root/hub.py',
    `from http.server import BaseHTTPRequestHandler, HTTPServer

class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        v2 = self.path == "/v2/"
        body = b'{}' if v2 else b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}]}'
        self.send_response(200 if v2 else 429)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    do_HEAD = do_GET

HTTPServer(("127.0.0.1", 5999), Hub).serve_forever()
`,
  )
  await run(
    'systemd-run --quiet --unit hub python3 /root/hub.py; until ss -ltnH "sport = :5999" | grep -q .; do sleep 0.1; done',
  )
  await until(
    'what was replaced before is gone',
    60,
    async () => (await run('docker ps --all --quiet | wc -l')) === '1',
  )
  const before = await serving()
  const step = await here.step({ 'registry-image': '127.0.0.1:5999/library/registry:3.1.2' })
  expect(step.errors.join()).toMatch(
    /registry:3\.1\.2 can’t be pulled because its registry has let this server pull too many images for now; run again in a few hours, /,
  )
  expect(await serving()).toBe(before)
  await run('systemctl stop hub')
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
    // Which is said depends on whether anything else is missing, that an earlier test has installed.
    expect(step.errors.join()).toMatch(
      /that would remove podman-docker, which is not Berth’s; remove it|has a Docker that is not the service docker\.service, such as a snap or podman; replace it with the engine/,
    )
    expect(await bare.sh("dpkg-query -W -f '${db:Status-Status}' podman-docker; ls /opt")).toBe('installed')
    await bare.sh('dpkg --purge podman-docker 2>&1')
  })

  test('Docker’s client without an engine: the engine is installed too', async () => {
    await install('docker-cli')
    const step = succeeded(await here.step({ ...inputs, mode: 'plan' }))
    expect(step.outputs.plan).toContain('install docker')
  })

  test('configuration files there before their packages, an installation that stopped at them, and a source that is gone', async () => {
    const files = ['/etc/nginx/nginx.conf', '/etc/letsencrypt/cli.ini', '/etc/default/docker']
    await bare.sh(`cd $(mktemp -d) && apt-get -q download nginx-common 2>&1 && dpkg-deb -x nginx-common*.deb .
      install -D -m 644 etc/nginx/nginx.conf ${files[0]} && echo '# mine' >>${files[0]}
      mkdir -p /etc/letsencrypt && echo 'max-log-backups = 7' >${files[1]}
      echo '# mine' >${files[2]}
      printf 'deb http://127.0.0.1:9/gone stable main\\n' >/etc/apt/sources.list.d/gone.list
      mkdir -p /srv/unsigned/dists/x && date -R -u | sed 's/+0000/UTC/; s/^/Date: /' >/srv/unsigned/dists/x/Release
      printf 'deb file:/srv/unsigned x main\\n' >/etc/apt/sources.list.d/unsigned.list`)
    const kept = () => bare.sh(`sha256sum ${files.join(' ')} /etc/apt/sources.list.d/*`)
    const before = await kept()
    const stopped = await bare.run(
      'DEBIAN_FRONTEND=noninteractive apt-get -q install -y nginx 2>&1 </dev/null',
    )
    expect(stopped.code).not.toBe(0)
    expect(stopped.stdout).toContain('nginx.conf')
    const step = succeeded(await here.step(inputs))
    expect(step.outputs.plan).toContain('finish installing nginx-common')
    expect(await kept()).toBe(before)
    expect(await bare.sh('dpkg --audit')).toBe('')
    expect(succeeded(await here.step(inputs)).outputs.plan).toBe('[]')
  })

  test('cloud-init, which still sets up the server: waits, and says so', async () => {
    await install('cloud-init')
    const seed = '/var/lib/cloud/seed/nocloud'
    await bare.write(
      '/etc/cloud/cloud.cfg.d/99-lab.cfg',
      'datasource_list: [ NoCloud ]\nssh_deletekeys: false\ndisable_root: false\nnetwork: { config: disabled }\npreserve_hostname: true\n',
    )
    await bare.write(`${seed}/meta-data`, 'instance-id: lab\n')
    await bare.write(
      `${seed}/user-data`,
      '#cloud-config\nruncmd:\n  - [sh, -c, "until [ -e /run/go-on ]; do sleep 0.2; done"]\n',
    )
    // As at boot, where the program comes first and then its stages.
    await bare.sh(`dpkg --purge certbot 2>&1; rm -f /run/cloud-init/disabled; touch /run/cloud-init/enabled
      systemctl start cloud-init-main; until [ -S /run/cloud-init/share/local.sock ]; do sleep 0.1; done
      systemctl start --no-block cloud-init-local cloud-init-network cloud-config cloud-final
      until pgrep -f '^sh -c until' >/dev/null; do sleep 0.2; done`)
    const step = await here.step(inputs, {
      onLine: line => /waiting for cloud-init/.test(line) && void bare.sh('touch /run/go-on'),
    })
    expect(succeeded(step).log).toContain('waiting for cloud-init')
    expect(step.outputs.plan).toContain('install certbot')
    await bare.sh('dpkg --purge cloud-init 2>&1')
  })

  test('a package that no source has, beside sources that are gone: says which', async () => {
    await bare.sh(
      'dpkg --purge certbot 2>&1; rm -f /var/cache/apt/archives/certbot*; cd /etc/apt && mkdir /root/apt && mv sources.list sources.list.d/debian* /root/apt/ 2>/dev/null; true',
    )
    const step = await here.step(inputs)
    expect(step.errors.join()).toMatch(
      /apt finds no package certbot and can’t read all of its sources \(.*unsigned.*\); run `apt-get update`/,
    )
  })
})
