import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { until } from '../../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from '../registry.ts'

// Servers that are set up otherwise than Berth can do with: the true cause comes first, before anything is changed.

jest.setTimeout(180_000)

const long = `${'registry.of-the-department-'.repeat(2)}${randomBytes(3).toString('hex')}.berth.test`
let here: Registry

beforeAll(async () => {
  here = await registry({ aliases: [long] })
})
afterAll(() => here?.server.remove())

const untouched = () =>
  here.server.sh('ls -lR --time-style=full-iso /etc/nginx /opt /etc/letsencrypt /etc/systemd')

/** What a run says of a server, which must be before it changes anything. */
async function says(more: Record<string, string> = {}): Promise<string> {
  const before = await untouched()
  const run = await here.step(more)
  expect(run.code).toBe(1)
  expect(await untouched()).toBe(before)
  return run.errors.join('\n')
}

test('sshd wants a second factor: said', async () => {
  await here.server.write(
    '/etc/ssh/sshd_config.d/lab.conf',
    'AuthenticationMethods publickey,keyboard-interactive\nKbdInteractiveAuthentication yes\nPerSourcePenalties no\n',
  )
  await here.server.sh('systemctl restart ssh')
  const words = await says()
  await here.server.sh('rm /etc/ssh/sshd_config.d/lab.conf; systemctl restart ssh')
  expect(words).toContain(
    'or wants more than a key (keyboard-interactive); let sshd accept a key alone there',
  )
})

test('an engine whose unit is not docker.service: said', async () => {
  await here.server.sh(
    'systemctl stop docker docker.socket 2>&1; mkdir /root/units; mv /usr/lib/systemd/system/docker.* /root/units/; mv /etc/init.d/docker /root/; rm -f /etc/systemd/system/*/docker.*; systemctl daemon-reload',
  )
  const words = await says()
  await here.server.sh(
    'mv /root/units/* /usr/lib/systemd/system/; mv /root/docker /etc/init.d/; systemctl daemon-reload; systemctl start docker',
  )
  expect(words).toContain(
    'the server has a Docker that is not the service docker.service, such as a snap or podman',
  )
})

test('an nginx that is not nginx.service: said', async () => {
  await here.server.sh(
    'systemctl stop nginx; sed "s|/run/nginx.pid|/run/panel.pid|" /etc/nginx/nginx.conf >/root/panel.conf; systemd-run --quiet --unit panel nginx -c /root/panel.conf -g "daemon off;"',
  )
  await until('it listens', 20, async () => (await here.server.sh('ss -ltnH "sport = :80"')) !== '')
  const words = await says()
  await here.server.sh('systemctl stop panel; systemctl start nginx')
  expect(words).toContain('an nginx that is not the service nginx.service uses port 80 or 443')
})

test('a name of 70 characters: what to set, and then it works', async () => {
  expect(long.length).toBeGreaterThan(68)
  const more = { domain: long, 'ssh-host': here.server.domain }
  expect(await says(more)).toContain('put `server_names_hash_bucket_size 128;` into the `http` block')
  await here.server.sh(
    "sed -i 's/^http {/&\\nserver_names_hash_bucket_size 128;/' /etc/nginx/nginx.conf && systemctl reload nginx",
  )
  succeeded(await here.step(more))
  expect(
    await here.server.sh(
      `curl -sk -o /dev/null -w '%{http_code}' --resolve ${long}:443:127.0.0.1 -u 'ci:${passwords.ci}' https://${long}/v2/`,
    ),
  ).toBe('200')
})
