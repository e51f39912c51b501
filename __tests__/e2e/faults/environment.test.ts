import { expect, jest, test } from '@jest/globals'
import { succeeded } from '../registry.ts'
import { scene, silence } from './scene.ts'

jest.setTimeout(240_000)

const here = scene()
const run = (script: string) => here.server.sh(script)

test('what /etc/environment, login files and root’s Docker client say: no effect', async () => {
  await silence(here.server, 7777)
  const nowhere = 'http://127.0.0.1:7777'
  await here.server.write(
    '/etc/environment',
    `DOCKER_HOST=tcp://127.0.0.1:7777
DOCKER_CONTENT_TRUST=1
DOCKER_CONFIG=/nonexistent
DOCKER_API_VERSION=1.1
DOCKER_DEFAULT_PLATFORM=linux/s390x
COMPOSE_FILE=/nonexistent
PYTHONHOME=/nonexistent
REQUESTS_CA_BUNDLE=/nonexistent
OPENSSL_CONF=/nonexistent
GREP_OPTIONS=-v
TMPDIR=/nonexistent
`,
  )
  await here.server.write('/root/.profile', 'export DOCKER_HOST=tcp://127.0.0.1:7777\n')
  await here.server.write(
    '/root/.docker/config.json',
    JSON.stringify({
      currentContext: 'elsewhere',
      proxies: { default: { httpProxy: nowhere, httpsProxy: nowhere } },
    }),
  )
  expect(await run('su - root -c \'echo "$DOCKER_HOST $DOCKER_CONTENT_TRUST"\'')).toBe(
    'tcp://127.0.0.1:7777 1',
  )
  const step = succeeded(await here.step({ 'registry-config': 'log: { level: warn }' }))
  expect(step.milliseconds).toBeLessThan(40_000)
  expect(step.outputs.plan).toContain('its settings have changed')
  expect(
    succeeded(await here.step({ 'registry-config': 'log: { level: warn }', mode: 'plan' })).outputs.plan,
  ).toBe('[]')
  succeeded(await here.step({ mode: 'down' }))
  succeeded(await here.step())
  await run(': >/etc/environment; rm -r /root/.profile /root/.docker')
})

test('Docker that runs and does not answer: said, and nothing waits for it', async () => {
  await run('pkill -STOP -x dockerd')
  const step = await here.step({ 'registry-config': 'log: { level: warn }' })
  await run('pkill -CONT -x dockerd')
  expect(step.errors.join()).toContain('Docker runs on the server but does not answer within 20 s; look at')
  expect(step.milliseconds).toBeLessThan(150_000)
})

test('certbot whose hook never ends: ended, and said', async () => {
  // Only the time passes faster.
  await here.server.write(
    '/usr/local/sbin/timeout',
    '#!/bin/sh\nwhile [ "$1" = -k ]; do shift 2; done; shift\ncase $1 in certbot) exec /usr/bin/timeout 5 "$@" ;; esac\nexec /usr/bin/timeout 60 "$@"\n',
    '755',
  )
  await here.server.write('/etc/letsencrypt/renewal-hooks/pre/slow', '#!/bin/sh\nexec sleep 600\n', '755')
  await run(`rm -r /etc/letsencrypt/live/${here.domain} /etc/letsencrypt/archive/${here.domain}`)
  const step = await here.step()
  await run('rm /usr/local/sbin/timeout /etc/letsencrypt/renewal-hooks/pre/slow; pkill -x sleep || :')
  expect(step.errors.join()).toContain('certbot did not finish within 15 minutes on the server')
})
