import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createRunner,
  type Runner,
  runStep,
  type StepOptions,
  type StepRun,
  useContainerdStore,
} from '../../lab/index.ts'
import { until } from '../../lab/process.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(300_000)

let here: Registry
let domain: string
const user = { user: 'runner' }

beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  await Promise.all([setUp(), build(here.world.runner)])
})
afterAll(() => here?.server.remove())

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

const name = 'acme/push-test'
const saved = '/home/runner/push-test/saved.tar'
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
  // Mode `up` puts its own site back.
  await here.server.sh(
    `site=/etc/nginx/sites-available/berth-${domain}.conf; grep -qF 'fault[.]conf' $site || sed -i 's|proxy_request_buffering off;|&\\n        include /etc/nginx/fault[.]conf;|' $site`,
  )
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
    `curl -sfI --unix-socket /opt/berth/registry.sock ${[
      'oci.image.index.v1',
      'oci.image.manifest.v1',
      'docker.distribution.manifest.v2',
      'docker.distribution.manifest.list.v2',
    ]
      .map(type => `-H 'Accept: application/vnd.${type.replace(/^docker/, 'docker')}+json'`)
      .join(
        ' ',
      )} http://registry/v2/${repository}/manifests/${tag} | tr -d '\\r' | sed -n 's/^docker-content-digest: //Ip'`,
  )

const digest = (run: StepRun) => run.outputs.digest ?? ''

async function pushesWithoutTrace(runner: Runner, repository: string) {
  const image = `${name} => ${repository}/app\n${name}-large => ${repository}/large:x`
  const release = { event: { ref: 'refs/tags/v1.2.3' }, debug: true }
  const before = await traces(runner)
  const run = succeeded(await push({ image }, release, runner))
  for (const tag of ['ffac537', '1.2.3', '1.2', '1'])
    expect(await digestOf(`${repository}/app`, tag)).toBe(digest(run))
  expect(run.outputs.images).toBe(
    `${domain}/${repository}/app@${digest(run)}\n${domain}/${repository}/large@${await digestOf(`${repository}/large`, 'x')}`,
  )
  expect(run.raw.replaceAll(/^::add-mask::.*$/gm, '')).not.toContain(passwords.ci)
  expect(run.orphans).toEqual([])
  expect(await traces(runner, run.job.id)).toBe(before)

  const again = succeeded(await push({ image }, release, runner))
  expect(again.log).toContain(`${domain}/${repository}/large:x is there already`)
  expect(again.log).not.toContain(' pushed: ')
  expect(again.outputs.images).toBe(run.outputs.images)
}

/** podman, skopeo, buildah and Docker push and pull what the others pushed. */
async function everyClientWorks(runner: Runner, repository: string) {
  const there = `${domain}/${repository}/clients`
  await runner.write(`/etc/docker/certs.d/${domain}/ca.crt`, here.inputs.ca ?? '')
  await runner.sh(
    `set -e
     export CONTAINERS_STORAGE_CONF=/tmp/storage.conf REGISTRY_AUTH_FILE=/tmp/auth.json DOCKER_CONFIG=/tmp/clients
     printf '[storage]\\ndriver="vfs"\\ngraphroot="/var/lib/docker/clients"\\nrunroot="/run/clients"\\n' >/tmp/storage.conf
     skopeo login -u ci --password-stdin ${domain}
     container=$(buildah from scratch) && date >/tmp/file && buildah copy -q $container /tmp/file /
     buildah commit -q $container ${there}:buildah && buildah push -q ${there}:buildah && buildah pull -q ${there}:buildah
     podman pull -q ${there}:buildah && podman tag ${there}:buildah ${there}:podman && podman push -q ${there}:podman
     skopeo copy -q docker://${there}:podman docker://${there}:skopeo
     mkdir -p /tmp/clients && cp /tmp/auth.json /tmp/clients/config.json
     docker pull -q ${there}:skopeo && docker tag ${there}:skopeo ${there}:docker && docker push -q ${there}:docker
     podman pull -q ${there}:docker && skopeo inspect docker://${there}:docker >/dev/null`,
    { input: passwords.ci },
  )
  for (const tag of ['buildah', 'podman', 'skopeo', 'docker'])
    expect(await digestOf(`${repository}/clients`, tag)).toMatch(/^sha256:/)
}

describe('Docker 20.10, of Debian 12', () => {
  let runner: Runner
  beforeAll(async () => {
    runner = await createRunner({ suite: 'bookworm' })
    await build(runner)
  })
  afterAll(() => runner?.remove())

  test('pushes under the tags of the event, and leaves no trace', () => pushesWithoutTrace(runner, 'old'))
  test('podman, skopeo, buildah and Docker push and pull', () => everyClientWorks(runner, 'old'))
})

describe('Docker 26.1, with the classic image store', () => {
  test('pushes under the tags of the event, and leaves no trace', () =>
    pushesWithoutTrace(here.world.runner, 'classic'))

  test('the user’s logins and credential helpers are not touched, nor asked', async () => {
    const { runner } = here.world
    const folder = '/tmp/push-test-login'
    const config = JSON.stringify({
      auths: { 'example.com': { auth: 'dXNlcjpwYXNz' } },
      credsStore: 'canary',
    })
    await runner.write(`${folder}/config.json`, config, '666')
    await runner.write(`${folder}/docker-credential-canary`, `#!/bin/sh\ntouch ${folder}/asked\n`, '755')
    await runner.sh(`chmod 777 ${folder}`)
    const env = { DOCKER_CONFIG: folder, PATH: `${folder}:/usr/local/bin:/usr/bin:/bin` }
    succeeded(await push({ image: `${name} => own/login` }, { env }))
    expect(await runner.read(`${folder}/config.json`)).toBe(config)
    expect(await runner.sh(`ls ${folder}`)).toBe('config.json\ndocker-credential-canary')
    await runner.sh(`rm -r ${folder}`)
  })

  test('what docker save wrote keeps its image, under its own name', async () => {
    await here.world.runner.sh(`cd ~/push-test && docker save --output saved.tar ${name}`, user)
    const run = succeeded(await push({ image: saved, tags: 'saved' }))
    expect(await digestOf(name, 'saved')).toBe(digest(run))
    expect(succeeded(await push({ image: name, tags: 'saved' })).log).toContain('is there already')
  })
})

describe('Docker 26.1, with the containerd image store', () => {
  let runner: Runner
  beforeAll(async () => {
    runner = await createRunner()
    await useContainerdStore(runner)
    await build(runner)
  })
  afterAll(() => runner?.remove())

  test('pushes under the tags of the event, and leaves no trace', () => pushesWithoutTrace(runner, 'modern'))
  test('podman, skopeo, buildah and Docker push and pull', () => everyClientWorks(runner, 'modern'))

  test('a multi-platform layout and archive of buildx arrive whole, with their digest', async () => {
    const folder = '/home/runner/push-test'
    await runner.sh(
      `cd ~/push-test && docker buildx build --quiet --platform linux/amd64,linux/arm64 --output type=oci,dest=multi.tar . >/dev/null
       rm -rf layout && mkdir layout && tar -xf multi.tar -C layout`,
      user,
    )
    const image = `${folder}/multi.tar => oci/archive\noci:${folder}/layout => oci/layout`
    const run = succeeded(await push({ image }, {}, runner))
    const built = await runner.sh(`jq -r '.manifests[0].digest' ${folder}/layout/index.json`)
    expect(run.outputs.images).toBe(`${domain}/oci/archive@${built}\n${domain}/oci/layout@${built}`)
    expect(await digestOf('oci/layout', 'latest')).toBe(built)
  })

  test('a cancelled push leaves nothing behind', async () => {
    await build(runner)
    const before = await traces(runner)
    const run = await push({ image: `${name}-large => cancelled:1` }, { cancel: /\[group\]Push/ }, runner)
    expect(run.code).not.toBe(0)
    expect(run.orphans).toEqual([])
    expect(await traces(runner, run.job.id)).toBe(before)
  })
})

/** All that a push to this registry might leave on a runner: other suites push from there meanwhile. */
const traces = (runner: Runner, job = 'none') =>
  runner.sh(
    `docker images --all --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep push-test | sort
     find /etc/docker/certs.d/${domain} -name 'berth-*' 2>/dev/null
     find /home/runner/work/${job} -path '*_temp/berth-*' 2>/dev/null
     cat /home/runner/.docker/config.json 2>/dev/null || :`,
  )

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
    // On a busy machine the push may be over before the registry is killed, which then has only just started again.
    const there = await until(
      'it answers again',
      30,
      async () => (await digestOf('killed', '1')) || undefined,
    )
    expect(there).toBe(digest(run))
  })

  test('answers 503 until it is back: one line a retry', () =>
    fault('if ($request_method = POST) { return 503; }', async () => {
      let retried = () => {}
      const retry = new Promise<void>(resolve => {
        retried = resolve
      })
      const running = push(
        { image: `${saved} => busy:1` },
        { onLine: line => line.includes('try 2 of 6') && retried() },
      )
      await Promise.race([retry, running])
      await here.server.write('/etc/nginx/fault.conf', '')
      await reload()
      const run = succeeded(await running)
      expect(await digestOf('busy', '1')).toBe(digest(run))
      expect(run.log).toMatch(/busy could not be pushed: .*503.*; try 2 of 6 in \d\.\d s/)
    }))

  test('is asked again on the same connection', () =>
    fault('if (-f /run/fault) { return 503; }', async () => {
      await here.server.sh('touch /run/fault')
      let mended: Promise<unknown> | undefined
      const run = await push(
        { image: `${saved} => asked:1` },
        {
          onLine: line => {
            if (line.includes('try 2 of 6')) mended ??= here.server.sh('rm /run/fault')
          },
        },
      )
      await mended
      expect(mended).toBeDefined()
      expect(await digestOf('asked', '1')).toBe(digest(succeeded(run)))
    }))

  test('answers 429, which Docker takes for an end', () =>
    fault('limit_req zone=put;', async () => {
      // New layers, for each is a request of its own.
      await build(here.world.runner)
      const run = succeeded(await push({ image: `${name}-large => limited:1` }))
      expect(run.log).toMatch(/429|toomanyrequests/i)
      expect(await digestOf('limited', '1')).toBe(digest(run))
    }))

  test('has no room: says how much there is, and old tags stay', async () => {
    const before = await digestOf('killed', '1')
    const ballast = '/opt/berth/data/ballast'
    const flag = `/run/berth-guard-${domain}/full`
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
    await until(
      'the guard lets uploads in',
      30,
      async () => (await here.server.run(`test -e ${flag}`)).code !== 0,
    )
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
      /has no image acme\/push-testx, only .*acme\/push-test:latest/,
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
