import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createRunner, type Runner, runStep, type StepOptions, type StepRun } from '../../lab/index.ts'
import { until } from '../../lab/process.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(300_000)

let here: Registry
/** Docker 20.10. */
let old: Runner
/** Docker with the containerd image store. */
let modern: Runner
let domain: string
let user: { user: string }

beforeAll(async () => {
  user = { user: 'runner' }
  const [first, ...runners] = await Promise.all([
    registry(),
    createRunner('bookworm'),
    createRunner('trixie'),
  ])
  here = first
  ;[old, modern] = runners as [Runner, Runner]
  domain = here.server.domain
  await Promise.all([setUp(), containerdStore(), ...[old, here.world.runner].map(build)])
  await build(modern)
})
afterAll(() => Promise.all([here?.server.remove(), old?.remove(), modern?.remove()]))

/** The registry by Berth, on a data disk of 100 MB, behind an nginx whose faults are at /etc/nginx/fault.conf. */
async function setUp() {
  const { server } = here
  await server.sh('mkdir -p /opt/berth/data && mount -t tmpfs -o size=100m tmpfs /opt/berth/data')
  succeeded(await here.step())
  await server.sh(
    `sed -i 's|proxy_request_buffering off;|&\\n        include /etc/nginx/fault[.]conf;|' /etc/nginx/sites-available/berth-${domain}.conf
     printf 'map $request_method $put { PUT 1; default ""; }\\nlimit_req_zone $put zone=put:1m rate=40r/m;\\nlimit_req_status 429;\\n' >/etc/nginx/conf.d/put.conf
     nginx -s reload`,
  )
}

/** Overlay does not stack, so containerd's store goes where the engine's is. */
async function containerdStore() {
  await modern.sh(`
    systemctl stop docker.socket docker containerd
    mkdir -p /var/lib/docker/containerd-store && mount --bind /var/lib/docker/containerd-store /var/lib/containerd
    jq '. + {features: {"containerd-snapshotter": true}}' /etc/docker/daemon.json >/tmp/daemon.json && cp /tmp/daemon.json /etc/docker/daemon.json
    systemctl start containerd docker`)
}

const name = 'acme/push-test'
async function build(runner: Runner) {
  await runner.sh(
    `mkdir -p ~/push-test && cd ~/push-test && date +%s%N >version && head -c 12000000 /dev/urandom >big
     printf 'FROM scratch\\nCOPY version /\\n' >Dockerfile && printf 'FROM ${name}\\nCOPY big /\\n' >Large
     DOCKER_BUILDKIT=0 docker build --quiet --tag ${name} . && DOCKER_BUILDKIT=0 docker build --quiet --file Large --tag ${name}-large .`,
    user,
  )
}

const push = (inputs: Record<string, string>, options: StepOptions = {}, runner = here.world.runner) =>
  runStep(
    runner,
    { domain, users: here.inputs.users ?? '', ca: here.inputs.ca ?? '', mode: 'push', ...inputs },
    options,
  )

/** nginx takes its configuration anew; new workers serve when this returns. */
const reload = () =>
  here.server.sh(`nginx -t -q
    workers() { pgrep -P "$(cat /run/nginx.pid)" | sort -n | tail -1; }
    before=$(workers); nginx -s reload; for i in $(seq 50); do [ "$(workers)" = "$before" ] || break; sleep 0.1; done`)

async function fault(conf: string, work: () => Promise<void>) {
  await here.server.write('/etc/nginx/fault.conf', conf)
  await reload()
  try {
    await work()
  } finally {
    await here.server.sh('rm /etc/nginx/fault.conf')
    await reload()
  }
}

/** What the registry itself says about a tag. */
const digestOf = (repository: string, tag: string) =>
  here.server.sh(
    `curl -sfI -u ci:${passwords.ci} ${[
      'oci.image.index.v1',
      'oci.image.manifest.v1',
      'docker.distribution.manifest.v2',
      'docker.distribution.manifest.list.v2',
    ]
      .map(type => `-H 'Accept: application/vnd.${type.replace(/^docker/, 'docker')}+json'`)
      .join(
        ' ',
      )} http://127.0.0.1:5000/v2/${repository}/manifests/${tag} | tr -d '\\r' | sed -n 's/^docker-content-digest: //Ip'`,
  )

const digest = (run: StepRun) => run.outputs.digest ?? ''

describe.each([
  ['20.10', () => old],
  ['26.1', () => here.world.runner],
  ['26.1 with the containerd store', () => modern],
])('Docker %s', (version, runner) => {
  const repository = version.replaceAll(/\W+/g, '-')

  test('pushes under the tags of the event, and leaves no trace', async () => {
    const image = `${name} => ${repository}/app\n${name}-large => ${repository}/large:x`
    const before = await traces(runner())
    const run = succeeded(
      await push({ image }, { event: { ref: 'refs/tags/v1.2.3' }, debug: true }, runner()),
    )
    for (const tag of ['ffac537', '1.2.3', '1.2', '1'])
      expect(await digestOf(`${repository}/app`, tag)).toBe(digest(run))
    expect(run.outputs.images).toBe(
      `${domain}/${repository}/app@${digest(run)}\n${domain}/${repository}/large@${await digestOf(`${repository}/large`, 'x')}`,
    )
    expect(run.raw).not.toContain(passwords.ci)
    expect(run.orphans).toEqual([])
    expect(await traces(runner())).toBe(before)

    // What is there is not sent again, and every client may have it.
    const again = succeeded(await push({ image }, { event: { ref: 'refs/tags/v1.2.3' } }, runner()))
    expect(again.log).toContain(`${domain}/${repository}/large:x is there already`)
    expect(again.log).not.toContain(' pushed: ')
    expect(again.outputs.images).toBe(run.outputs.images)
  })
})

/** All that a push might leave on a runner. */
const traces = (runner: Runner) =>
  runner.sh(
    `docker images --all --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep push-test | sort
     find /etc/docker/certs.d -name 'berth-*' 2>/dev/null
     find /home/runner/work -path '*_temp/berth-*'
     cat /home/runner/.docker/config.json 2>/dev/null || :`,
  )

test('the user’s logins and credential helpers are not touched, nor asked', async () => {
  const config = JSON.stringify({
    auths: { 'example.com': { auth: 'dXNlcjpwYXNz' } },
    credsStore: 'canary',
  })
  await old.write('/home/runner/.docker/config.json', config)
  await old.write('/usr/local/bin/docker-credential-canary', '#!/bin/sh\ntouch /tmp/asked\n', '755')
  await old.sh('chown -R runner: /home/runner/.docker')
  succeeded(await push({ image: `${name} => own/login` }, {}, old))
  expect(await old.read('/home/runner/.docker/config.json')).toBe(config)
  expect((await old.run('test -e /tmp/asked')).code).toBe(1)
  await old.sh('rm /home/runner/.docker/config.json')
})

describe('archives', () => {
  test('a multi-platform layout and archive of buildx arrive whole, with their digest', async () => {
    await modern.sh(
      `cd ~/push-test && docker buildx build --quiet --platform linux/amd64,linux/arm64 --output type=oci,dest=multi.tar . >/dev/null
       rm -rf layout && mkdir layout && tar -xf multi.tar -C layout`,
      user,
    )
    const folder = '/home/runner/push-test'
    const run = succeeded(
      await push(
        { image: `${folder}/multi.tar => oci/archive\noci:${folder}/layout => oci/layout` },
        {},
        modern,
      ),
    )
    const built = await modern.sh(`jq -r '.manifests[0].digest' ${folder}/layout/index.json`)
    expect(run.outputs.images).toBe(`${domain}/oci/archive@${built}\n${domain}/oci/layout@${built}`)
    expect(await digestOf('oci/layout', 'latest')).toBe(built)
  })

  test('what docker save wrote keeps its image, under its own name', async () => {
    await old.sh(`cd ~/push-test && docker save --output saved.tar ${name}`, user)
    const run = succeeded(await push({ image: '/home/runner/push-test/saved.tar', tags: 'saved' }, {}, old))
    expect(await digestOf(name, 'saved')).toBe(digest(run))
    const again = succeeded(await push({ image: `${name}`, tags: 'saved' }, {}, old))
    expect(again.log).toContain('is there already')
  })
})

test('immutable tags stay where they are, and nothing else moves either', async () => {
  const first = succeeded(await push({ image: `${name} => fixed`, tags: '1.0', immutable: 'true' }))
  const moved = await push({ image: `${name}-large => fixed`, tags: '1.0\n1.1', immutable: 'true' })
  expect(moved.errors.join()).toContain(`${domain}/fixed:1.0 (${digest(first)})`)
  expect(await digestOf('fixed', '1.0')).toBe(digest(first))
  expect(await digestOf('fixed', '1.1')).toBe('')
})

describe('a registry that fails for a while', () => {
  test('is killed half way: the push ends right', async () => {
    const uploads = '/opt/berth/data/docker/registry/v2/repositories/killed/_uploads'
    const running = push({ image: `${name}-large => killed:1` })
    await until('the upload begins', 30, async () => (await here.server.run(`test -d ${uploads}`)).code === 0)
    await here.server.sh('docker kill $(docker ps -q) && docker start $(docker ps -aq)')
    const run = succeeded(await running)
    expect(await digestOf('killed', '1')).toBe(digest(run))
  })

  test('answers 503 until it is back: one line a retry', () =>
    fault('if ($request_method = POST) { return 503; }', async () => {
      let retried = () => {}
      const retry = new Promise<void>(resolve => {
        retried = resolve
      })
      const running = push(
        { image: '/home/runner/push-test/saved.tar => busy:1' },
        { onLine: line => line.includes('try 2 of 6') && retried() },
        old,
      )
      await Promise.race([retry, running])
      await here.server.write('/etc/nginx/fault.conf', '')
      await reload()
      const run = succeeded(await running)
      expect(await digestOf('busy', '1')).toBe(digest(run))
      expect(run.log).toMatch(/busy could not be pushed: .*503.*; try 2 of 6 in \d\.\d s/)
    }))

  test('answers 429, which Docker takes for an end', () =>
    fault('limit_req zone=put;', async () => {
      const run = succeeded(await push({ image: `${name} => limited:1` }))
      expect(run.log).toMatch(/429|toomanyrequests/i)
      expect(await digestOf('limited', '1')).toBe(digest(run))
    }))

  test('has no room: says how much there is, and old tags stay', async () => {
    const before = await digestOf('killed', '1')
    const ballast = '/opt/berth/data/ballast'
    await here.server.sh(
      `fallocate -l $(($(df --output=avail -B1 /opt/berth/data | tail -1) - 4000000)) ${ballast}`,
    )
    await build(here.world.runner)
    const full = await here.step({ image: `${name}-large => full:1` })
    await here.server.sh(`rm ${ballast}`)
    expect(full.errors.join()).toMatch(
      /the server’s disk is full, .*: the image has 12 MB; \S+ of 100M are free on \/opt\/berth\/data\. Delete/,
    )
    expect(await digestOf('killed', '1')).toBe(before)
    expect(await digestOf('full', '1')).toBe('')
    succeeded(await push({ image: `${name}-large => full:1` }))
  })
})

describe('what can’t be pushed is said in words', () => {
  test('not allowed there', () =>
    fault('if ($request_method !~ ^(GET|HEAD)$) { return 403; }', async () => {
      const run = await push({ image: `${name} => secret/app` })
      expect(run.errors.join()).toContain('`ci` may not push to')
      expect(run.log).not.toContain('try 2')
    }))

  test('a proxy that refuses large uploads', () =>
    fault('client_max_body_size 1k;', async () => {
      await build(here.world.runner)
      const run = await push({ image: `${name}-large => large:1` })
      expect(run.errors.join()).toMatch(/a proxy in front of .* \(413\).*client_max_body_size 0/)
    }))

  test.each<[string, Record<string, string>, StepOptions, RegExp]>([
    [
      'image missing',
      { image: `${name}x\nacme/other` },
      {},
      /has no image acme\/push-testx: did you mean .*acme\/push-test:latest/,
    ],
    [
      'name in capital letters',
      { image: `${name} => Shop/App` },
      {},
      /image: line 1: “Shop\/App” is not a repository; write “shop\/app”/,
    ],
    ['wrong password', { image: name, users: 'ci:wrong-password' }, {}, /does not let `ci` in \(401\)/],
    ['unknown authority', { image: name, ca: '' }, {}, /not from an authority that this runner trusts/],
    [
      'Docker not running',
      { image: name },
      { env: { DOCKER_HOST: 'unix:///run/none.sock' } },
      /Docker does not answer; start it/,
    ],
    [
      'no Docker',
      { image: name },
      { env: { PATH: '/usr/local/bin' } },
      /this runner has no Docker; install it/,
    ],
    [
      'no skopeo',
      { image: 'oci:x => x' },
      { env: { PATH: '/usr/local/bin' } },
      /pushed with skopeo, .*apt-get install -y skopeo/,
    ],
  ])('%s', async (_, inputs, options, words) => {
    const run = await push(inputs, options)
    expect(run.code).toBe(1)
    expect(run.errors.join('\n')).toMatch(words)
    expect(run.log).not.toMatch(/^ {4}at /m)
  })
})

test('a cancelled push leaves nothing behind', async () => {
  await modern.sh(
    'cd ~/push-test && head -c 40000000 /dev/urandom >big && DOCKER_BUILDKIT=0 docker build -qf Large -t acme/push-test-larger .',
    user,
  )
  const before = await traces(modern)
  const run = await push(
    { image: 'acme/push-test-larger => cancelled:1' },
    { cancel: /\[group\]Push/ },
    modern,
  )
  expect(run.code).not.toBe(0)
  expect(run.orphans).toEqual([])
  expect(await traces(modern)).toBe(before)
})

test('podman, skopeo, buildah and Docker of both generations push and pull', async () => {
  await Promise.all(
    [old, modern].map(async (machine, index) => {
      const there = `${domain}/clients/n${index}`
      await machine.write(`/etc/docker/certs.d/${domain}/ca.crt`, here.inputs.ca ?? '')
      await machine.sh(
        `set -e
         export CONTAINERS_STORAGE_CONF=/tmp/storage.conf REGISTRY_AUTH_FILE=/tmp/auth.json
         printf '[storage]\\ndriver="vfs"\\ngraphroot="/var/lib/docker/clients"\\nrunroot="/run/clients"\\n' >/tmp/storage.conf
         skopeo login -u ci --password-stdin ${domain} </dev/stdin
         container=$(buildah from scratch) && echo ${index} >/tmp/file && buildah copy -q $container /tmp/file /
         buildah commit -q $container ${there}:buildah && buildah push -q ${there}:buildah && buildah pull -q ${there}:buildah
         podman pull -q ${there}:buildah && podman tag ${there}:buildah ${there}:podman && podman push -q ${there}:podman
         skopeo copy -q docker://${there}:podman docker://${there}:skopeo
         skopeo inspect docker://${there}:skopeo >/dev/null
         mkdir -p ~/.docker && cp /tmp/auth.json ~/.docker/config.json
         docker pull -q ${there}:skopeo && docker tag ${there}:skopeo ${there}:docker && docker push -q ${there}:docker && docker pull -q ${there}:docker`,
        { input: passwords.ci },
      )
    }),
  )
})
