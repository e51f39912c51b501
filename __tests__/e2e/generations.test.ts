import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { type Machine, until } from '../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

// A change of image or settings is a new container beside the old one: nobody notices.

jest.setTimeout(400_000)

let here: Registry
let domain: string
let digest: string
const name = `generations-${randomBytes(3).toString('hex')}`
const stop = `/tmp/${name}-stop`

beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  const { runner, consumer, acme } = here.world
  await runner.sh(
    `mkdir -p ~/${name} && cd ~/${name} && for i in 1 2 3; do head -c 2000000 /dev/urandom >$i; done && printf 'FROM scratch\\nCOPY 1 /\\nCOPY 2 /\\nCOPY 3 /\\n' >Dockerfile && docker build -q -t ${name} .`,
    { user: 'runner' },
  )
  digest = succeeded(await here.step({ image: `${name} => team/app:1` })).outputs.digest ?? ''
  for (const machine of [runner, consumer]) {
    await machine.write(`/etc/docker/certs.d/${domain}/ca.crt`, acme.trust)
    await machine.sh(`DOCKER_CONFIG=/tmp/${name} docker login -u ci --password-stdin ${domain}`, {
      input: passwords.ci,
    })
  }
})

afterAll(async () => {
  for (const machine of [here?.world.runner, here?.world.consumer])
    await machine?.run(
      `touch ${stop}; rm -rf /tmp/${name} /home/runner/${name} /etc/docker/certs.d/${domain}; docker image ls -q --filter 'reference=${name}' --filter 'reference=${domain}/*/*' | sort -u | xargs -r docker rmi -f; rm -f ${stop}`,
    )
  await here?.server.remove()
})

/** Runs a client until the end; returns how often it was done, and what it said when it failed or had to try again. */
async function client(machine: Machine, work: string): Promise<{ done: number; failures: string }> {
  const said = await machine.sh(
    `export DOCKER_CONFIG=/tmp/${name}; cd /tmp/${name}; i=0
    while ! [ -e ${stop} ]; do i=$((i + 1)); said=$( { ${work}; } 2>&1) && ! echo "$said" | grep -q Retrying || echo "round $i: $said"; done; echo "done $i"`,
    { timeout: 390 },
  )
  return { done: Number(/^done (\d+)$/m.exec(said)?.[1]), failures: said.replace(/^done .*$/m, '').trim() }
}

const skopeo = () =>
  `skopeo copy -q --src-cert-dir /etc/docker/certs.d/${domain} --src-authfile /tmp/${name}/config.json docker://${domain}/team/app@${digest} dir:/tmp/${name}/copy`
const clients = (): Record<string, () => Promise<{ done: number; failures: string }>> => {
  const { runner, consumer } = here.world
  return {
    'docker pull': () =>
      client(
        consumer,
        `docker pull -q ${domain}/team/app@${digest} && docker rmi -f ${domain}/team/app@${digest}`,
      ),
    'docker push': () =>
      client(
        runner,
        `head -c 500000 /dev/urandom >layer; printf 'FROM scratch\\nCOPY layer /\\n' >Dockerfile; docker build -q -t ${domain}/push/app:$i . && docker push ${domain}/push/app:$i && docker rmi ${domain}/push/app:$i`,
      ),
    skopeo: () => client(consumer, skopeo()),
    podman: () =>
      client(
        runner,
        `p="podman --root /tmp/${name}/podman --runroot /tmp/${name}/run --storage-driver vfs"; $p pull -q --retry 0 --cert-dir /etc/docker/certs.d/${domain} --authfile /tmp/${name}/config.json ${domain}/team/app@${digest} && $p rmi -f ${domain}/team/app@${digest}`,
      ),
  }
}

/** Ten requests a second, each on a connection of its own: when each was asked, its status and how long it took, in seconds. */
const ping = () =>
  here.world.consumer.sh(
    `config=$(cat); while ! [ -e ${stop} ]; do curl -sk --max-time 60 -o /dev/null -w "$(date +%s.%N) %{http_code} %{time_total}\\n" -K - https://${domain}/v2/ <<<"$config" & sleep 0.1; done; wait`,
    { input: `user = "ci:${passwords.ci}"`, timeout: 390 },
  )

/** Uploads a layer slowly, in one request that outlives several generations; returns the statuses of its two requests. */
async function upload(bytes: number, seconds: number): Promise<string> {
  return here.world.runner.sh(
    `cd /tmp/${name} && head -c ${bytes} /dev/urandom >large && digest=sha256:$(sha256sum large | cut -d ' ' -f 1) && config=$(cat)
    ask() { curl -sk -K - "$@" <<<"$config"; }
    next=$(ask -D - -o /dev/null -X POST https://${domain}/v2/large/app/blobs/uploads/ | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
    ask --limit-rate ${Math.ceil(bytes / seconds)} -D headers -o /dev/null -w '%{http_code} ' -X PATCH -H 'Content-Type: application/octet-stream' -T large "https://${domain}$next"
    next=$(tr -d '\\r' <headers | sed -n 's/^[Ll]ocation: //p')
    ask -o /dev/null -w '%{http_code} ' -X PUT "https://${domain}$next&digest=$digest"
    ask -o - https://${domain}/v2/large/app/blobs/$digest | sha256sum | cut -d ' ' -f 1 | sed "s/^/sha256:/" | grep -qx "$digest" && echo whole`,
    { input: `user = "ci:${passwords.ci}"`, timeout: 390 },
  )
}

const container = () =>
  here.server.sh(
    `docker inspect --format '{{.Id}} {{.State.StartedAt}}' berth-${domain.replaceAll('.', '-')}-$(basename "$(readlink /opt/berth/registry.sock)" .sock)`,
  )
const alone = () =>
  until('the old generations are gone', 120, async () =>
    (await here.server.sh(
      `docker ps --all --quiet --filter label=berth.domain=${domain} | wc -l; ls /opt/berth/run /opt/berth/generations | grep -c .`,
    )) === '1\n4'
      ? true
      : undefined,
  ).catch(async error => {
    throw new Error(`${error.message}:\n${await here.server.sh(left)}`)
  })
/** What is there of all generations, and what still has to do with them. */
const left = `docker ps --all; ls -R /opt/berth/run /opt/berth/generations; ss -xp | grep /berth/run; systemctl list-units --no-legend 'berth-*'
journalctl --unit 'berth-*' --lines 30 --no-pager; for each in $(docker ps --all --quiet); do docker logs --tail 5 $each 2>&1 | cut -c 1-500; done`

test('ten changes under load: no request fails, none is done twice, and an upload lives through them', async () => {
  const images = here.world.hub.registryTags.includes('3.1.2')
    ? ['registry:3.1.2', 'registry:2.8.3']
    : ['registry:2.8.3']
  const running = Object.entries(clients()).map(async ([what, run]) => [what, await run()] as const)
  const pings = ping()
  const large = upload(300_000_000, 60)
  const switches: number[] = []
  try {
    for (let change = 0; change < 10; change++) {
      const image = images[change % images.length] ?? ''
      const run = succeeded(
        await here.step({
          'registry-image': image,
          'registry-config': `log: { fields: { change: ${change} } }`,
        }),
      )
      expect(run.outputs.plan).toContain(`replace the container with a new one of ${image}`)
      switches.push(Number(await here.server.sh('stat -c %.Z /opt/berth/registry.sock')))
    }
    expect(await large).toBe('202 201 whole')
  } finally {
    for (const machine of [here.world.runner, here.world.consumer]) await machine.sh(`touch ${stop}`)
  }
  const ended = Object.fromEntries(await Promise.all(running))
  const asked = (await pings).split('\n').map(line => line.split(' '))
  const statuses = new Set(asked.map(([, status]) => status))
  const waits = (near: boolean) =>
    asked
      .filter(([at]) => near === switches.some(each => Math.abs(Number(at) - each) < 1))
      .map(([, , seconds]) => Number(seconds) * 1000)
      .sort((a, b) => a - b)
  const [near, far] = [waits(true), waits(false)]
  const at = (times: number[], share: number) => times[Math.floor((times.length - 1) * share)]?.toFixed(0)
  console.log(
    `${asked.length} requests; ms at half, 99 % and most: near a switch ${[0.5, 0.99, 1].map(share => at(near, share))}, elsewhere ${[0.5, 0.99, 1].map(share => at(far, share))}; ${Object.entries(
      ended,
    )
      .map(([what, { done }]) => `${what} ${done}`)
      .join(', ')}`,
  )
  // Why nginx did not reach the registry, if it did not.
  expect({
    statuses: [...statuses],
    errors: await here.server.sh(`grep -E 'upstream|connect\\(\\)' /var/log/nginx/${domain}.error.log || :`),
  }).toEqual({ statuses: ['200'], errors: '' })
  for (const [what, { done, failures }] of Object.entries(ended)) {
    expect({ what, failures }).toEqual({ what, failures: '' })
    expect(done).toBeGreaterThan(3)
  }
  // Nobody waits for a container, which takes a second to come up. The slowest of all say more of the machine than of
  // the switch: bench/rows/change.ts measures them, on free cores.
  expect(Number(at(near, 0.5))).toBeLessThan(Number(at(far, 0.99)) + 100)
  await alone()
})

test('back to what it was while the one before still works', async () => {
  const started = upload(20_000_000, 25)
  for (const level of ['debug', 'info', 'debug'])
    succeeded(await here.step({ 'registry-config': `log: { level: ${level} }` }))
  expect(await started).toBe('202 201 whole')
  await alone()
})

describe('a new one that does not come up never touched the old one', () => {
  const settings = { 'registry-config': 'log: { level: debug }' }
  test.each<[string, Record<string, string>, RegExp]>([
    [
      'settings that it refuses',
      { 'registry-config': 'storage: { nonsense: {} }' },
      /the registry serves as before; the new one said:[\s\S]*storage/,
    ],
    ['an image that is not there', { 'registry-image': 'registry:9.9.9' }, /9\.9\.9/],
    ['an image that is no registry', { 'registry-image': 'busybox:latest' }, /the registry serves as before/],
  ])('%s', async (_, inputs, message) => {
    succeeded(await here.step(settings))
    await alone()
    const before = await container()
    const run = await here.step({ ...settings, ...inputs })
    expect(run.errors.join()).toMatch(message)
    expect(await container()).toBe(before)
    await alone()
    expect(succeeded(await here.step(settings)).outputs.changed).toBe('false')
  })

  test('an image without a shell is named as such', async () => {
    await here.server.sh(
      'cd $(mktemp -d) && echo x >x && printf "FROM scratch\\nCOPY x /\\n" >Dockerfile && docker build -q -t noshell:1 .',
    )
    const before = await container()
    const run = await here.step({ ...settings, 'registry-image': 'noshell:1' })
    expect(run.errors.join()).toContain('has no /bin/sh')
    expect(await container()).toBe(before)
  })
})

test('what a run that was killed has left is cleared by the next', async () => {
  await here.server.sh(
    `mkdir -p /opt/berth/generations/0badcafe && touch /opt/berth/generations/0badcafe/start && docker run -d --name berth-${domain.replaceAll('.', '-')}-0badcafe --label berth.domain=${domain} --network none busybox:latest sleep 600`,
  )
  const run = succeeded(await here.step({ 'registry-config': 'log: { level: debug }' }))
  expect(run.outputs.plan).toContain('an earlier change was cut off')
  await alone()
})

test('what removes a generation that ended early leaves alone what comes after it', async () => {
  const level = async (name: string) =>
    succeeded(await here.step({ 'registry-config': `log: { level: ${name} }` }))
  await level('debug')
  await alone()
  // As on a server that has too much to do.
  await here.server.write(
    '/usr/local/sbin/docker',
    '#!/bin/sh\n[ "$1" = kill ] && sleep 10\nexec /usr/bin/docker "$@"\n',
    '755',
  )
  const first = await container()
  await level('info')
  await here.server.sh(`docker stop ${first.split(' ')[0]}`)
  await level('debug')
  const last = await container()
  await until(
    'all that was retired is gone',
    60,
    async () =>
      (await here.server.sh(
        `systemctl list-units --type service --no-legend 'run-*' 'berth-${domain.replaceAll('.', '-')}-*'`,
      )) === '',
  )
  await here.server.sh('rm /usr/local/sbin/docker')
  expect(await container()).toBe(last)
  await alone()
})

describe('serves again by itself', () => {
  const serves = () =>
    until('the registry serves', 60, async () =>
      (
        await here.world.consumer.run(`curl -sk -o /dev/null -w '%{http_code}' -K - https://${domain}/v2/`, {
          input: `user = "ci:${passwords.ci}"`,
        })
      ).stdout === '200'
        ? true
        : undefined,
    )
  test.each([
    [
      'after the registry was killed',
      'kill -9 $(docker inspect --format "{{.State.Pid}}" $(docker ps --quiet))',
    ],
    ['after a restart of Docker', 'systemctl restart docker'],
    ['after a restart of nginx', 'systemctl restart nginx'],
  ])('%s', async (_, script) => {
    await here.server.sh(script)
    await serves()
  })

  test('after a reboot', async () => {
    await here.server.reboot()
    await serves()
    expect(succeeded(await here.step({ 'registry-config': 'log: { level: debug }' })).outputs.changed).toBe(
      'false',
    )
  })

  test('whatever user nginx’s workers are', async () => {
    await here.server.sh(
      `useradd --system --no-create-home web && sed -i 's/^user .*/user web;/' /etc/nginx/nginx.conf && systemctl restart nginx`,
    )
    const run = succeeded(await here.step({ 'registry-config': 'log: { level: debug }' }))
    expect(run.outputs.plan).toContain('nginx can’t reach its socket')
    await serves()
    expect(await here.server.sh('stat -c %G /opt/berth/htpasswd /opt/berth/run')).toBe('web\nweb')
    // Guesses are still slowed down.
    const guesses =
      'seq 30 | while read -r n; do curl -4sk -o /dev/null -w "%{http_code} " -u "ci:$n" https://$0/v2/; done'
    expect(await here.world.consumer.sh(`sh -c '${guesses}' ${here.server.domain}`)).toContain('429')
  })
})

test('a registry that has to speak to others has a network, and publishes nothing', async () => {
  succeeded(
    await here.step({
      'registry-config':
        'notifications: { endpoints: [{ name: x, url: "http://127.0.0.1:9/", timeout: 1s, threshold: 1, backoff: 1s }] }',
    }),
  )
  expect(
    await here.server.sh(
      `docker inspect --format '{{.HostConfig.NetworkMode}}' $(docker ps --quiet --latest)`,
    ),
  ).toBe('bridge')
  expect(await here.server.sh('ss -ltnpH')).not.toContain('docker-proxy')
})

test('what was uploaded is what was pulled', async () => {
  const { consumer } = here.world
  await consumer.sh(`${skopeo()}`)
  const manifest = await consumer.read(`/tmp/${name}/copy/manifest.json`)
  expect(`sha256:${createHash('sha256').update(manifest).digest('hex')}`).toBe(digest)
})
