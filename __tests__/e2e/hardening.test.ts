import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { until } from '../../lab/index.ts'
import { moment } from './moment.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(240_000)

let here: Registry
let domain: string
let digest: string
let uploaded: string
const app = 'hardening-app'

/** Images are on a disk of 200 MB. */
beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  await here.server.sh('mkdir -p /opt/berth/data && mount -t tmpfs -o size=200m tmpfs /opt/berth/data')
  await here.world.runner.sh(
    `mkdir -p ~/${app} && cd ~/${app} && date +%s%N >layer && printf 'FROM scratch\\nCOPY layer /\\n' >Dockerfile && docker build -q -t ${app} .`,
    { user: 'runner' },
  )
  digest = succeeded(await here.step({ image: `${app} => team/app:1` })).outputs.digest ?? ''
  await here.world.consumer.write(`/etc/docker/certs.d/${domain}/ca.crt`, here.world.acme.trust)
  uploaded = await begin()
})
afterAll(async () => {
  await here?.world.consumer.run(
    `rm -rf /etc/docker/certs.d/${domain}; docker images -q '${domain}/*/*' | xargs -r docker rmi -f`,
  )
  await here?.server.remove()
})

const curl = (args: string, input = '') =>
  here.world.consumer.sh(
    `curl -sS --max-time 60 --cacert /etc/docker/certs.d/${domain}/ca.crt -u ci:${passwords.ci} ${args}`,
    { input },
  )
const status = (path: string, args = '') =>
  curl(`-o /dev/null -w '%{http_code}' ${args} 'https://${domain}${path}'`)
const pulls = async () => expect(await status(`/v2/team/app/manifests/${digest}`)).toBe('200')
/** Begins an upload and says where it goes on. */
const begin = async (repository = 'team/app') =>
  /^location: (\S+)/im.exec(
    await curl(`-i -X POST https://${domain}/v2/${repository}/blobs/uploads/`),
  )?.[1] ?? ''

describe('the container', () => {
  test('is nobody, has no capability, can get none and can write nowhere but to its images', async () => {
    const state = await here.server.sh(
      `pid=$(docker inspect -f '{{.State.Pid}}' $(docker ps -q)); grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs):' /proc/$pid/status | tr '\\t' ' '`,
    )
    expect(state.split('\n').sort()).toEqual([
      'CapBnd: 0000000000000000',
      'CapEff: 0000000000000000',
      'NoNewPrivs: 1',
      'Uid: 65532 65532 65532 65532',
    ])
    const writable = await here.server.sh(
      `for f in /x /etc/berth/config.yml /usr/bin/x /tmp/x /run/berth/x /var/lib/registry/x; do docker exec $(docker ps -q) sh -c ": >>$f" 2>/dev/null && echo $f; done; docker exec $(docker ps -q) rm -f /tmp/x /run/berth/x /var/lib/registry/x`,
    )
    expect(writable.split('\n')).toEqual(['/tmp/x', '/run/berth/x', '/var/lib/registry/x'])
  })

  // The lab's own kernel does not count memory for containers in containers, so this is what Docker was asked for.
  test('has limits, and is far below them with twenty uploads at a time', async () => {
    const limits = await here.server.sh('cat /opt/berth/generations/*/start')
    expect(limits).toContain('--memory "${memory}m"')
    expect(limits).toContain('--pids-limit 2048')
    expect(await here.server.sh("docker inspect -f '{{json .HostConfig.LogConfig}}' $(docker ps -q)")).toBe(
      '{"Type":"json-file","Config":{"max-file":"3","max-size":"10m"}}',
    )
    const uploads = Array.from({ length: 20 }, async () => {
      const location = await begin('big/app')
      return curl(
        `-o /dev/null -w '%{http_code}' -X PATCH --limit-rate 2m -H 'Content-Type: application/octet-stream' -T - 'https://${domain}${location}'`,
        'x'.repeat(4_000_000),
      )
    })
    const peaks: [memory: number, threads: number][] = []
    const watch = until('the uploads end', 120, async () => {
      const [memory = 0, threads = 0] = (
        await here.server.sh(
          `awk '/^VmRSS|^Threads/ { print $2 }' /proc/$(docker inspect -f '{{.State.Pid}}' $(docker ps -q))/status`,
        )
      )
        .split('\n')
        .map(Number)
      peaks.push([memory / 1024, threads])
      return done
    })
    let done = false
    const answers = await Promise.all(uploads).finally(() => {
      done = true
    })
    await watch
    expect(new Set(answers)).toEqual(new Set(['202']))
    const [memory, threads] = [0, 1].map(index => Math.max(...peaks.map(peak => peak[index] ?? 0)))
    console.log(`20 uploads: ${memory?.toFixed(0)} MB, ${threads} threads`)
    expect(memory).toBeLessThan(256)
    expect(threads).toBeLessThan(200)
    await here.server.sh('rm -rf /opt/berth/data/docker/registry/v2/repositories/big/app/_uploads/*')
  })

  test('gets its images back after somebody has given them to root', async () => {
    await here.server.sh('chown -R root:root /opt/berth/data')
    const run = succeeded(await here.step())
    expect(run.log).toContain('because its images belong to another account')
    expect(await here.server.sh('find /opt/berth/data ! -user 65532')).toBe('')
    await pulls()
    expect(succeeded(await here.step()).outputs.changed).toBe('false')
  })
})

test('from outside only SSH, HTTP and HTTPS answer, in IPv4 and IPv6', async () => {
  const scan = (address: string) =>
    here.world.consumer.sh('node -', {
      input: `const { connect } = require('node:net')
let next = 1
const open = []
async function scan() {
  while (next <= 65535) {
    const port = next++
    await new Promise(resolve => {
      const socket = connect({ port, host: '${address}', timeout: 5000 })
      const end = () => { socket.destroy(); resolve() }
      socket.on('connect', () => { open.push(port); end() }).on('error', end).on('timeout', end)
    })
  }
}
Promise.all(Array.from({ length: 500 }, scan)).then(() => console.log(open.sort((a, b) => a - b).join(' ')))`,
    })
  const { v4, v6 } = here.server.address
  expect(await Promise.all([scan(v4), scan(v6)])).toEqual(['22 80 443', '22 80 443'])
})

test('the registry has no address that anybody could reach', async () => {
  expect(
    await here.server.sh(
      "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}{{.HostConfig.PortBindings}}' $(docker ps -q)",
    ),
  ).toBe('map[]')
  // Nor can any other user of the server: nginx's group can.
  const ask = (user: string) =>
    here.server.run(
      `runuser -u ${user} -- curl -s -o /dev/null -w '%{http_code}' --unix-socket /opt/berth/registry.sock http://registry/v2/`,
    )
  expect((await ask('nobody')).stdout).toBe('000')
  expect((await ask('www-data')).stdout).toBe('200')
})

describe('the disk', () => {
  const fill = (free: string) =>
    here.server.sh(
      `cd /opt/berth/data && rm -f ballast && fallocate -l $(($(df --output=avail -B1 . | tail -1) - ${free})) ballast`,
    )
  const admitted = (wanted: boolean) =>
    until(`uploads are ${wanted ? 'admitted' : 'refused'}`, 30, async () => {
      const answer = await status('/v2/team/app/blobs/uploads/', '-X POST')
      return wanted ? answer === '202' : answer === '403'
    })

  test('with little room, the plan says so', async () => {
    await fill('30000000')
    const run = succeeded(await here.step({ mode: 'plan' }))
    expect(run.annotations).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        message: expect.stringMatching(
          /the disk is nearly full, 29M of 200M are free on \/opt\/berth\/data; delete/,
        ),
      }),
    )
    expect(run.outputs.plan).toBe('[]')
  })

  test('before it is full, uploads are refused in words that clients show, and pulls go on', async () => {
    await fill('15000000')
    await admitted(false)
    const { consumer } = here.world
    const reference = `${domain}/team/app`
    await consumer.sh(
      `export DOCKER_CONFIG=/tmp/${domain}; docker login -u ci --password-stdin ${domain} && docker pull -q ${reference}@${digest}
cd $(mktemp -d) && date +%N >layer && printf 'FROM ${reference}@${digest}\\nCOPY layer /\\n' >Dockerfile && docker build -q -t ${reference}:2 .`,
      { input: passwords.ci },
    )
    const push = await consumer.run(`DOCKER_CONFIG=/tmp/${domain} docker push ${reference}:2`)
    expect(push.stderr).toContain(
      'denied: no space left: the disk of this registry is nearly full, so nothing can be pushed until something is deleted',
    )
    await pulls()
    const step = await here.step({ image: `${app} => other/app:1` })
    expect(step.errors.join()).toMatch(
      /the server’s disk is full, .*; 15M of 200M are free on \/opt\/berth\/data\. Delete/,
    )
    await here.server.sh('rm /opt/berth/data/ballast')
    await admitted(true)
    const again = await consumer.run(
      `DOCKER_CONFIG=/tmp/${domain} docker push ${reference}:2; rm -rf /tmp/${domain}`,
    )
    expect(again).toMatchObject({ code: 0 })
  })

  test('an upload that has begun is ended before it has taken all', async () => {
    await fill('30000000')
    await admitted(true)
    // The guard looks every 2 s, and a busy machine takes some more to restart a container: 10 MB must last for that.
    const answer = await here.world.consumer.run(
      `head -c 100M /dev/zero | curl -sS --max-time 120 --limit-rate 1M --cacert /etc/docker/certs.d/${domain}/ca.crt -u ci:${passwords.ci} -o /dev/null -w '%{http_code}' -X PATCH -H 'Content-Type: application/octet-stream' -T - 'https://${domain}${await begin('big/app')}'`,
    )
    expect(answer.stdout).not.toBe('202')
    expect(Number(await here.server.sh('df --output=avail -B1 /opt/berth/data | tail -1'))).toBeGreaterThan(0)
    expect(await here.server.sh('journalctl -o cat -u "berth-guard-*"')).toContain(
      'restarting the registry, to end the uploads that are still running',
    )
    await until('the registry is back', 30, async () => (await status('/v2/')) === '200')
    await pulls()
    await here.server.sh(
      'rm -rf /opt/berth/data/ballast /opt/berth/data/docker/registry/v2/repositories/big/app/_uploads/*',
    )
    await admitted(true)
  })
})

describe('the secret of uploads', () => {
  const secret = () =>
    here.server.sh('stat -c "%a %U" /opt/berth/secret.env; sha256sum </opt/berth/secret.env')

  test('is made once and kept, whatever changes', async () => {
    const before = await secret()
    expect(before).toMatch(/^600 root\n/)
    succeeded(await here.step({ 'registry-config': 'log: { level: warn }' }))
    succeeded(await here.step({ mode: 'down' }))
    succeeded(await here.step())
    expect(await secret()).toBe(before)
  })

  test('an upload that began before all that goes on after it', async () => {
    expect(
      await curl(
        `-o /dev/null -w '%{http_code}' -X PATCH -H 'Content-Type: application/octet-stream' --data-binary layer 'https://${domain}${uploaded}'`,
      ),
    ).toBe('202')
  })
})

describe('a reboot', () => {
  // The lab's small disk is not in fstab.
  beforeAll(async () => {
    await here.server.sh(
      `systemctl stop 'berth-guard-*'; docker stop $(docker ps -q); mkdir -p /opt/berth/kept; tar -C /opt/berth/data -c . | tar -C /opt/berth/kept -xp; umount /opt/berth/data; rm -rf /opt/berth/data; mv /opt/berth/kept /opt/berth/data; docker start $(docker ps -aq); systemctl start 'berth-guard-${domain}'`,
    )
    await pulls()
  })

  test('leaves everything serving, with nobody’s help', async () => {
    await here.server.reboot()
    await until('the registry answers', 60, async () =>
      (await status('/v2/').catch(() => '')) === '200' ? true : undefined,
    )
    await pulls()
    expect(
      await here.server.sh(
        `systemctl is-active nginx docker certbot.timer 'berth-guard-${domain}' 'berth-brake-${domain}'`,
      ),
    ).toBe('active\nactive\nactive\nactive\nactive')
    expect(succeeded(await here.step()).outputs.changed).toBe('false')
  })

  test.each(['the plan', 'registry'])('half way, after %s, is repaired by the next run', async when => {
    let rebooted: Promise<void> | undefined
    const changed = {
      'registry-config': `log: { fields: { moment: "${when}" } }`,
      users: `ci:${passwords.ci}\nbob:${passwords.bob}`,
    }
    const run = await here.step(changed, {
      onLine: line => {
        if (moment(when).test(line)) rebooted ??= here.server.reboot({ hard: true })
      },
    })
    await rebooted
    expect(rebooted).toBeDefined()
    // Where the server was done just before, it is gone when it is looked at; the lab's DNS knows only machines that run.
    if (run.code !== 0) expect(run.errors.join()).toMatch(/run the workflow again|port 443|does not resolve/)
    await until('the registry answers', 60, async () =>
      (await status('/v2/').catch(() => '')) === '200' ? true : undefined,
    )
    await pulls()
    succeeded(await here.step(changed))
    expect(succeeded(await here.step(changed)).outputs.changed).toBe('false')
    await pulls()
    succeeded(await here.step())
  })
})
