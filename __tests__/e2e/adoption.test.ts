import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { commands } from './page.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(300_000)

let here: Registry
let digest: string
const stranger = 'carol:$2y$05$Qv1Yb0k5q0Yq7v0m7m0zHe7G0dHqVt1g2bU0k6pQv1Yb0k5q0Yq7v'

/** What the usual blog post leaves: compose in a home folder, an open port, an anonymous volume, standalone certbot. */
beforeAll(async () => {
  here = await registry({ suite: 'bookworm' })
  const { domain } = here.server
  await here.server.write('/etc/berth-lab-ca.pem', here.world.acme.trust)
  await here.server.sh(
    `
systemctl stop nginx
REQUESTS_CA_BUNDLE=/etc/berth-lab-ca.pem certbot certonly --standalone --non-interactive --agree-tos -m ops@example.com \\
  -d ${domain} --server ${here.world.acme.directory} 2>&1
mkdir -p /home/ops/registry/auth && cd /home/ops/registry
perl -e 'chomp($_ = <STDIN>); print "ci:", crypt($_, q($2y$05$abcdefghijklmnopqrstuv)), "\\n"' >auth/htpasswd
echo '${stranger}' >>auth/htpasswd
cat >docker-compose.yml <<'END'
version: '3'
services:
  registry:
    image: registry:2
    container_name: registry
    restart: always
    ports: ['5000:5000']
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes: ['./auth:/auth']
END
docker-compose up -d 2>&1
cat >/etc/nginx/sites-available/registry <<'END'
server {
  listen 443 ssl;
  server_name ${domain};
  ssl_certificate /etc/letsencrypt/live/${domain}/fullchain.pem;
  ssl_certificate_key /etc/letsencrypt/live/${domain}/privkey.pem;
  client_max_body_size 2g;
  location / { proxy_pass http://localhost:5000; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https; }
}
END
ln -s ../sites-available/registry /etc/nginx/sites-enabled/registry
systemctl start nginx`,
    { input: `${passwords.ci}\n` },
  )
  await here.world.runner.sh(
    'cd && mkdir -p old && date +%N >old/layer && printf "FROM scratch\\nCOPY layer /\\n" >old/Dockerfile && docker build -q -t old old',
    { user: 'runner' },
  )
  const pushed = succeeded(
    await here.step({ mode: 'push', users: `ci:${passwords.ci}`, image: 'old => old/app:1' }),
  )
  digest = pushed.outputs.digest ?? ''
})
afterAll(() => here?.server.remove())

test('without `adopt`, says what it found and stops', async () => {
  const before = await here.server.sh(
    'docker ps --format "{{.ID}} {{.Names}} {{.Ports}}"; ls -lR /etc/nginx /home/ops',
  )
  const run = await here.step()
  expect(run.code).toBe(1)
  expect(run.errors.join('\n')).toContain('/etc/nginx/sites-enabled/registry serves')
  expect(
    await here.server.sh('docker ps --format "{{.ID}} {{.Names}} {{.Ports}}"; ls -lR /etc/nginx /home/ops'),
  ).toBe(before)
})

async function pull(): Promise<void> {
  const { domain } = here.server
  const { consumer } = here.world
  await consumer.write(`/etc/docker/certs.d/${domain}/ca.crt`, here.world.acme.trust)
  await consumer.sh(
    `docker login -u ci --password-stdin ${domain} && docker pull -q ${domain}/old/app@${digest}; code=$?; docker logout ${domain}; docker rmi ${domain}/old/app@${digest}; exit $code`,
    { input: passwords.ci },
  )
}

test('if the new registry does not start, the old one serves, and the next run takes it over', async () => {
  const run = await here.step({ adopt: 'true', 'registry-config': 'version: 9.9' })
  expect(run.log).toContain('- users: revoke carol')
  expect(run.errors.join('\n')).toContain('the registry does not start')
  expect(await here.server.sh('docker ps --format "{{.Names}}"')).toBe('registry')
  expect(await here.server.sh('ls /opt/berth')).not.toContain('data')
})

test('with `adopt`, keeps images, users’ lines and the certificate, and closes the port', async () => {
  const { domain } = here.server
  const certificate = () =>
    here.server.sh(`openssl x509 -noout -fingerprint -in /etc/letsencrypt/live/${domain}/fullchain.pem`)
  const before = await certificate()

  const run = succeeded(await here.step({ adopt: 'true' }))
  // The same password, with the hash that it needs now.
  expect(run.outputs.plan).not.toContain('ci')
  expect(await certificate()).toBe(before)
  expect(await here.server.sh('ls /etc/nginx/sites-enabled')).toBe(`berth-${domain}.conf\ndefault`)
  expect(await here.server.sh('ss -ltnH "sport = :5000"')).toBe('')

  await pull()
})

test('the adopted certificate renews through nginx', async () => {
  const { domain } = here.server
  const renewal = await here.server.sh(
    `REQUESTS_CA_BUNDLE=/etc/berth-lab-ca.pem certbot renew --cert-name ${domain} --force-renewal --no-random-sleep-on-renew 2>&1`,
  )
  expect(renewal).toContain('Congratulations, all renewals succeeded')
})

test('and then there is nothing left to do, with or without `adopt`', async () => {
  expect(succeeded(await here.step({ adopt: 'true' })).outputs.changed).toBe('false')
  expect(succeeded(await here.step()).outputs.changed).toBe('false')
})

test('who wants to go back finds all that is needed, as the page says', async () => {
  const { domain } = here.server
  succeeded(await here.step({ mode: 'down' }))
  const [back = ''] = commands('migrate.md', 'Back again', domain)
  await here.server.sh(`set -e\n${back}`)
  await pull()
})
