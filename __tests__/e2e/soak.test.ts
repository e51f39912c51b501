import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { type Machine, password } from '../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

/** How often users rotate, the certificate is renewed and nginx reloaded: a few times here, a hundred by `script/soak`. */
const rounds = Number(process.env.BERTH_ROUNDS ?? 2)

jest.setTimeout(60_000 + rounds * 60_000)

let here: Registry
let domain: string
let digest: string
const name = `soak-${randomBytes(3).toString('hex')}`
const stop = `/tmp/${name}-stop`
const credentials = { ci: passwords.ci, alice: passwords.alice }
const usersWith = (rotated: string) =>
  [...Object.entries(credentials), ['rotated', rotated]].map(user => user.join(':')).join('\n')

beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  const { runner, consumer, acme } = here.world
  await runner.sh(
    `mkdir -p ~/${name} && cd ~/${name} && for i in 1 2 3; do head -c 3000000 /dev/urandom >$i; done && printf 'FROM scratch\\nCOPY 1 /\\nCOPY 2 /\\nCOPY 3 /\\n' >Dockerfile && docker build -q -t ${name} .`,
    { user: 'runner' },
  )
  digest =
    succeeded(
      await here.step({
        image: `${name} => team/app:1`,
        users: usersWith(password()),
      }),
    ).outputs.digest ?? ''
  for (const machine of [runner, consumer]) {
    await machine.write(`/etc/docker/certs.d/${domain}/ca.crt`, acme.trust)
    await machine.write(`/tmp/${name}/layer`, '')
    for (const [user, password] of Object.entries(credentials)) {
      const config = `/tmp/${name}/${user}`
      await machine.sh(`DOCKER_CONFIG=${config} docker login -u ${user} --password-stdin ${domain}`, {
        input: password,
      })
    }
  }
})

afterAll(async () => {
  for (const machine of [here?.world.runner, here?.world.consumer])
    await machine?.run(
      `touch ${stop}; rm -rf /tmp/${name} /home/runner/${name} /etc/docker/certs.d/${domain}; docker image ls -q --filter 'reference=${name}' --filter 'reference=${domain}/*/*' | sort -u | xargs -r docker rmi -f; rm -f ${stop}`,
    )
  await here?.server.remove()
})

/** What each client does over and over. It prints why, if something fails; a client that had to try again has failed, too. */
const clients = (): Record<string, { machine: 'runner' | 'consumer'; work: string }> => ({
  'docker push': {
    machine: 'runner',
    work: `cd $(mktemp -d); head -c 2000000 /dev/urandom >layer; printf 'FROM ${name}\\nCOPY layer /\\n' >Dockerfile
      docker build -q -t ${domain}/runner/app:$i . >/dev/null && DOCKER_CONFIG=/tmp/${name}/ci docker push ${domain}/runner/app:$i >log 2>&1 && ! grep Retrying log || { cat log; false; }; code=$?
      docker rmi ${domain}/runner/app:$i >/dev/null; rm -r $PWD`,
  },
  'docker pull': {
    machine: 'consumer',
    work: `DOCKER_CONFIG=/tmp/${name}/alice docker pull ${domain}/team/app@${digest} >/tmp/${name}/pull 2>&1 && ! grep Retrying /tmp/${name}/pull || { cat /tmp/${name}/pull; false; }; code=$?
      docker rmi -f ${domain}/team/app@${digest} >/dev/null`,
  },
  'skopeo copy': {
    machine: 'consumer',
    work: `skopeo copy -q --src-cert-dir /etc/docker/certs.d/${domain} --src-authfile /tmp/${name}/alice/config.json --dest-cert-dir /etc/docker/certs.d/${domain} --dest-authfile /tmp/${name}/ci/config.json docker://${domain}/team/app@${digest} docker://${domain}/consumer/app$i:1; code=$?`,
  },
  podman: {
    machine: 'runner',
    work: `podman --root /tmp/${name}/podman --runroot /tmp/${name}/run --storage-driver vfs pull -q --retry 0 --cert-dir /etc/docker/certs.d/${domain} --authfile /tmp/${name}/alice/config.json ${domain}/team/app@${digest} >/dev/null && podman --root /tmp/${name}/podman --runroot /tmp/${name}/run --storage-driver vfs rmi -f ${domain}/team/app@${digest} >/dev/null; code=$?`,
  },
  curl: {
    machine: 'runner',
    work: `status=$(curl -sS --max-time 60 --cacert /etc/docker/certs.d/${domain}/ca.crt -u 'alice:${credentials.alice}' -o /dev/null -w '%{http_code}' https://${domain}/v2/team/app/manifests/${digest}); [ "$status" = 200 ] || { echo "status $status"; false; }; code=$?`,
  },
})

/** Runs a client until the end and returns how often, and what it said when it failed. */
async function loop(machine: Machine, work: string): Promise<{ done: number; failures: string }> {
  const said = await machine.sh(
    `i=0; while ! [ -e ${stop} ]; do i=$((i + 1)); { ${work}; } 2>&1; if [ $code -ne 0 ]; then echo "in round $i"; fi; cd /; done; echo "done $i"`,
    { timeout: 120 + rounds * 60 },
  )
  return { done: Number(/^done (\d+)$/m.exec(said)?.[1]), failures: said.replace(/^done .*$/m, '').trim() }
}

test(`${rounds} rotations, renewals and reloads under load: nothing fails`, async () => {
  const { runner, consumer } = here.world
  await here.server.sh(`: >/var/log/nginx/${domain}.access.log`)
  const machines = { runner, consumer }
  const running = Object.entries(clients()).map(
    async ([client, { machine, work }]) => [client, await loop(machines[machine], work)] as const,
  )
  const serials = new Set<string>()
  const disturb = async () => {
    for (let round = 0; round < rounds; round++) {
      // So that the step reloads nginx too.
      await here.server.sh(`echo '# by hand' >>/etc/nginx/sites-available/berth-${domain}.conf`)
      const run = succeeded(await here.step({ users: usersWith(password()) }))
      expect(run.outputs.plan).toContain('new password for rotated')
      expect(run.outputs.plan).toContain(`berth-${domain}.conf`)
      await here.server.sh(
        `REQUESTS_CA_BUNDLE=/etc/letsencrypt/berth/authorities/${domain}.pem certbot renew --cert-name ${domain} --force-renewal --no-random-sleep-on-renew 2>&1`,
      )
      serials.add(
        await consumer.sh(
          `openssl s_client -connect ${domain}:443 -servername ${domain} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
        ),
      )
    }
  }
  const started = performance.now()
  try {
    await disturb()
  } finally {
    await Promise.all([runner.sh(`touch ${stop}`), consumer.sh(`touch ${stop}`)])
  }
  const ended = Object.fromEntries(await Promise.all(running))
  const statuses = await here.server.sh(
    `awk '{ print $9 }' /var/log/nginx/${domain}.access.log | sort | uniq -c`,
  )
  console.log(
    `${rounds} rounds in ${((performance.now() - started) / 1000).toFixed(0)} s: ${Object.entries(ended)
      .map(([client, { done }]) => `${client} ${done}`)
      .join(', ')}; nginx answered\n${statuses}`,
  )
  for (const [client, { done, failures }] of Object.entries(ended)) {
    expect({ client, failures }).toEqual({ client, failures: '' })
    expect(done).toBeGreaterThanOrEqual(rounds)
  }
  // 499 is a client that went away: one that gave up, or HEAD requests that skopeo leaves.
  expect(statuses).not.toMatch(/ (000|4(?!0[14])\d\d|5\d\d)$/m)
  expect(serials.size).toBe(rounds)
})
