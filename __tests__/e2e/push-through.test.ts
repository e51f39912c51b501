import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createRunner,
  createServer,
  type Runner,
  runStep,
  type Server,
  type StepOptions,
  type StepRun,
} from '../../lab/index.ts'
import { type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(180_000)

let here: Registry
let domain: string
let runner: Runner
let jump: Server
const user = { user: 'runner' }

beforeAll(async () => {
  ;[here, runner, jump] = await Promise.all([registry(), createRunner(), createServer({ ready: false })])
  domain = here.server.domain
  succeeded(await here.step())
  await here.server.sh(
    `useradd --create-home --shell /bin/bash deploy && echo 'deploy:let me in' | chpasswd && echo 'deploy ALL=(ALL) ALL' >/etc/sudoers.d/deploy
     install -d -o deploy -m 700 /home/deploy/.ssh && install -o deploy -m 600 /root/.ssh/authorized_keys /home/deploy/.ssh/`,
  )
  await build()
})
afterAll(() => Promise.all([here?.server.remove(), runner?.remove(), jump?.remove()]))

/** A new image `app`, and an archive of it. */
const build = () =>
  runner.sh(
    `mkdir -p ~/through && cd ~/through && head -c 3000000 /dev/urandom >big && printf 'FROM scratch\\nCOPY big /\\n' >Dockerfile
     docker build -q -t app . && docker save -o app.tar app`,
    user,
  )

/** Mode push, which names no user of the registry. */
const push = (inputs: Record<string, string> = {}, options: StepOptions = {}) => {
  const { users: _, email: __, ...rest } = here.inputs
  return runStep(
    runner,
    { ...rest, mode: 'push', 'push-through': 'ssh', image: 'app => through/app', tags: '1', ...inputs },
    options,
  )
}

const digestOf = (repository: string, tag = '1') =>
  here.server.sh(
    `curl -sfI --unix-socket /opt/berth/registry.sock -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' http://registry/v2/${repository}/manifests/${tag} | tr -d '\\r' | sed -n 's/^docker-content-digest: //Ip'`,
  )

async function nothingIsLeft(run: StepRun) {
  expect(run.orphans).toEqual([])
  expect(
    await runner.sh(
      `find /home/runner/work/${run.job.id} -path '*_temp/berth-*'; docker images | grep 127.0.0.1 || :`,
    ),
  ).toBe('')
  // The relay notices within two seconds that nobody hears it.
  const left = 'ls -d /run/berth-push-* 2>/dev/null; pgrep -f "perl -e.*berth-push" || :'
  await here.server.sh(
    `for i in $(seq 60); do [ -n "$(${left})" ] || exit 0; sleep 0.1; done; ${left}; exit 1`,
  )
}

describe.each<[string, () => Record<string, string>]>([
  ['root', () => ({})],
  [
    'root, over IPv6',
    () => ({
      'ssh-host': here.server.address.v6,
      'ssh-known-hosts': here.server.knownHosts.replaceAll(domain, here.server.address.v6),
    }),
  ],
  ['a user with sudo', () => ({ 'ssh-user': 'deploy', 'sudo-password': 'let me in' })],
  [
    'a user with sudo, through a jump host',
    () => ({
      'ssh-user': 'deploy',
      'sudo-password': 'let me in',
      'ssh-jump': `root@${jump.domain}`,
      'ssh-known-hosts': here.server.knownHosts + jump.knownHosts,
    }),
  ],
])('by %s', (_, inputs) => {
  test('Docker and skopeo push, and nothing is left', async () => {
    await build()
    const run = succeeded(
      await push({
        ...inputs(),
        image: 'app => through/app\n/home/runner/through/app.tar => through/archive',
      }),
    )
    expect(run.log).toContain('images go through SSH')
    expect(run.outputs.images).toBe(
      `${domain}/through/app@${await digestOf('through/app')}\n${domain}/through/archive@${await digestOf('through/archive')}`,
    )
    await nothingIsLeft(run)
  })
})

test('a key that may forward, and nothing else that is not needed', async () => {
  await build()
  await here.server.sh('sed -i "s/^/restrict,port-forwarding /" /root/.ssh/authorized_keys')
  try {
    const run = succeeded(await push({ image: 'app => through/restricted' }))
    expect(run.outputs.digest).toBe(await digestOf('through/restricted'))
  } finally {
    await here.server.sh('sed -i "s/^restrict,port-forwarding //" /root/.ssh/authorized_keys')
  }
})

test('mode up pushes over the connection that is there, and nobody may push by HTTPS', async () => {
  await build()
  const access = 'ci: pull\nalice: pull'
  const run = succeeded(
    await runStep(runner, {
      ...here.inputs,
      access,
      'push-through': 'ssh',
      image: 'app => through/up',
      tags: '1',
    }),
  )
  expect(run.outputs.digest).toBe(await digestOf('through/up'))
  await nothingIsLeft(run)
})

test('a registry whose settings name another host is pushed to through SSH all the same', async () => {
  succeeded(await here.step({ 'registry-config': '{"http":{"host":"https://elsewhere.invalid"}}' }))
  try {
    await build()
    const run = succeeded(await push({ image: 'app => through/host' }))
    expect(run.outputs.digest).toBe(await digestOf('through/host'))
    await nothingIsLeft(run)
  } finally {
    succeeded(await here.step())
  }
})

test('where clients can’t reach the registry by its name, it is a warning', async () => {
  await here.server.sh('systemctl stop nginx')
  try {
    await build()
    const run = succeeded(await push())
    expect(
      run.annotations
        .filter(({ level }) => level === 'warning')
        .map(({ message }) => message)
        .join(),
    ).toContain(`clients can’t reach the registry from this runner: nothing listens on port 443 at ${domain}`)
    expect(run.outputs.digest).toBe(await digestOf('through/app'))
  } finally {
    await here.server.sh('systemctl start nginx')
  }
})

test('a Docker that is not on this runner is told before anything is pushed', async () => {
  await runner.sh(
    'unshare --net dockerd --data-root /var/lib/docker/other --exec-root /run/other -p /run/other.pid -H unix:///run/other.sock --group docker --bridge none --iptables=false >/tmp/other.log 2>&1 & for i in $(seq 100); do docker -H unix:///run/other.sock info >/dev/null 2>&1 && exit 0; sleep 0.1; done; cat /tmp/other.log; exit 1',
  )
  const env = { DOCKER_HOST: 'unix:///run/other.sock' }
  await runner.sh('cd ~/through && DOCKER_HOST=unix:///run/other.sock docker load -q -i app.tar', user)
  const run = await push({ image: 'app => through/other' }, { env })
  expect(run.errors.join()).toMatch(/this job’s Docker does not run on this runner, .*push an archive/)
  expect(await digestOf('through/other')).toBe('')
  const archive = succeeded(await push({ image: '/home/runner/through/app.tar => through/other' }, { env }))
  expect(archive.outputs.digest).toBe(await digestOf('through/other'))
  await runner.sh('kill $(cat /run/other.pid)')
})

test('a push that is cancelled leaves nothing, on either side', async () => {
  await build()
  const run = await push(
    { 'ssh-user': 'deploy', 'sudo-password': 'let me in', image: 'app => through/cancelled' },
    { cancel: /images go through SSH/ },
  )
  expect(run.code).not.toBe(0)
  await nothingIsLeft(run)
})

test.each([
  [
    'a server that forwards nothing',
    'printf "DisableForwarding yes\\n" >/etc/ssh/sshd_config.d/berth-test.conf',
    {},
    /SSH lets nothing through to .*registry.sock; allow `AllowStreamLocalForwarding`/,
  ],
  [
    'a key that may forward nothing',
    'sed -i "s/^/restrict /" /root/.ssh/authorized_keys',
    {},
    /SSH lets nothing through to .*registry.sock; .* add `port-forwarding` where .*`restrict`/,
  ],
  [
    'a folder without a registry',
    ':',
    { directory: '/opt/other' },
    /the server has no registry in \/opt\/other; set it up/,
  ],
  [
    'a disk that is nearly full',
    'systemctl stop berth-guard-$(hostname).berth.test; mkdir -p /run/berth-guard-$(hostname).berth.test && touch /run/berth-guard-$(hostname).berth.test/full',
    {},
    /disk is full/,
  ],
])('%s is told in words', async (_, make, inputs, words) => {
  await here.server.sh(`${make}; systemctl reload ssh`)
  try {
    const run = await push(inputs)
    expect(run.errors.join()).toMatch(words)
    expect(run.log).not.toContain('try 2')
  } finally {
    await here.server.sh(
      'rm -f /etc/ssh/sshd_config.d/berth-test.conf /run/berth-guard-*/full; sed -i "s/^restrict //" /root/.ssh/authorized_keys; systemctl reload ssh; systemctl start berth-guard-$(hostname).berth.test',
    )
  }
})
