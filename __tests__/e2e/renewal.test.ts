import { randomBytes } from 'node:crypto'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import {
  type Acme,
  acme,
  createServer,
  type GitHub,
  github,
  key,
  runStep,
  type Server,
  type StepRun,
  type World,
  world,
} from '../../lab/index.ts'
import { age } from './age.ts'
import { underLoad } from './load.ts'
import { passwords } from './registry.ts'

jest.setTimeout(600_000)

/** Certificates of 20 days: certbot 2.1 renews at 30 days whatever the lifetime, so they come due at once. */
const days = 20
const name = `brief-${randomBytes(2).toString('hex')}`
const token = 'ghs_canary0123456789'

let lab: World
let authority: Acme
let server: Server
let hubbub: GitHub
let inputs: Record<string, string>

beforeAll(async () => {
  lab = await world()
  authority = await acme({ name, validity: days * 24 * 60 * 60 })
  server = await createServer({ suite: 'bookworm' })
  hubbub = await github(token)
  inputs = {
    domain: server.domain,
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    users: `ci:${passwords.ci}`,
    'acme-server': authority.directory,
    ca: authority.trust,
  }
  const first = await step()
  expect(first.errors).toEqual([])
})

afterAll(async () => {
  hubbub?.close()
  await server?.remove()
  await authority?.remove()
})

const step = (more: Record<string, string> = {}): Promise<StepRun> =>
  runStep(lab.runner, { ...inputs, ...more }, { env: { GITHUB_API_URL: hubbub.api } })

const renew = () => step({ mode: 'renew', users: '', 'github-token': token })

const orders = async () => (await authority.log()).split('POST /order-plz').length - 1

const live = () => `/etc/letsencrypt/live/${server.domain}`

async function onDisk(): Promise<string> {
  const line = await server.sh(`openssl x509 -noout -fingerprint -sha256 -in ${live()}/cert.pem`)
  return line.replace(/.*=/, '')
}

function served(): Promise<DetailedPeerCertificate> {
  return new Promise((resolve, reject) => {
    const options = {
      host: server.address.v4,
      port: 443,
      servername: server.domain,
      rejectUnauthorized: false,
    }
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate(true))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test('the server’s own timer renews a certificate that is due, and no request is lost', async () => {
  expect(await server.sh('systemctl is-active certbot.timer')).toBe('active')
  const before = await served()
  const { answers } = await underLoad(lab.runner, `https://${server.domain}/v2/`, undefined, () =>
    server.sh('systemctl start certbot.service'),
  )
  expect(Object.keys(answers)).toEqual(['401'])
  expect(answers['401']).toBeGreaterThan(20)
  const after = await served()
  expect(after.fingerprint256).not.toBe(before.fingerprint256)
  expect(after.fingerprint256).toBe(await onDisk())
  expect((await step()).outputs.changed).toBe('false')
})

test('a deploy hook that failed is made up for by the next round of the timer', async () => {
  await server.sh('echo nonsense >/etc/nginx/conf.d/broken.conf; systemctl start certbot.service || :')
  expect((await served()).fingerprint256).not.toBe(await onDisk())
  await server.sh(`rm /etc/nginx/conf.d/broken.conf
    echo 'renew_before_expiry = 1 day' >/tmp/conf; cat /etc/letsencrypt/renewal/${server.domain}.conf >>/tmp/conf
    cp /tmp/conf /etc/letsencrypt/renewal/${server.domain}.conf`)
  const count = await orders()
  await server.sh('systemctl start certbot.service')
  expect(await orders()).toBe(count)
  expect((await served()).fingerprint256).toBe(await onDisk())
})

test('mode renew finds an old certificate that is served, and leaves a good one alone', async () => {
  const old = await onDisk()
  await server.sh(
    'REQUESTS_CA_BUNDLE=/run/berth-authorities.pem certbot -q renew --force-renewal --no-random-sleep-on-renew --no-directory-hooks',
  )
  expect((await served()).fingerprint256).toBe(old)
  const count = await orders()
  const run = await renew()
  expect(run.errors).toEqual([])
  expect((await served()).fingerprint256).toBe(await onDisk())
  expect(run.outputs['certificate-expires']).toBe(new Date((await served()).valid_to).toISOString())
  const again = await renew()
  expect(again.outputs.changed).toBe('false')
  expect(await orders()).toBe(count)
})

test('while the authority is down the old certificate stays, one issue is open, and a push is not held up', async () => {
  await age(server, authority)
  // Nothing listens there: connections are refused.
  await server.sh(`echo '127.0.0.1 ${authority.domain}' >>/etc/hosts`)
  const old = (await served()).fingerprint256

  const up = await step()
  expect(up.errors).toEqual([])
  expect(up.outputs.changed).toBe('false')
  expect(up.annotations.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    expect.stringMatching(
      /^warning: renewal .*was not possible: brief-.*:14000 does not answer the server, or is down/,
    ),
  ])

  const failed = await renew()
  expect(failed.code).toBe(1)
  expect(failed.errors).toEqual([
    expect.stringMatching(
      /is valid for only 0 more days, until .*Z, and could not be renewed: .*does not answer/,
    ),
  ])
  expect(failed.outputs['certificate-expires']).toMatch(/^20\d\d-/)
  expect((await served()).fingerprint256).toBe(old)
  expect(hubbub.issues).toMatchObject([
    { state: 'open', title: `The certificate of ${server.domain} is at risk` },
  ])
  await renew()
  expect(hubbub.issues).toHaveLength(1)
})

test('a rate limit is answered with the time to try again, and the issue says so', async () => {
  // Everything goes to the authority, but orders are refused as Let's Encrypt refuses them.
  const files = await authority.sh('cat /var/lib/acme/tls.pem /var/lib/acme/tls.key')
  await server.write('/etc/nginx/limited.pem', `${files}\n`)
  await server.write(
    '/etc/nginx/conf.d/limited.conf',
    `server {
      listen 14000 ssl;
      ssl_certificate /etc/nginx/limited.pem;
      ssl_certificate_key /etc/nginx/limited.pem;
      location / { proxy_pass https://${authority.address.v4}:14000; proxy_set_header Host $http_host; }
      location /order-plz {
        default_type application/problem+json;
        add_header Replay-Nonce AAAA always;
        return 429 '{"type":"urn:ietf:params:acme:error:rateLimited","status":429,"detail":"too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-12-01 06:30:00 UTC: see https://letsencrypt.org/docs/rate-limits/"}';
      }
    }\n`,
  )
  await server.sh('nginx -t -q && systemctl reload nginx')
  const run = await renew()
  expect(run.errors).toEqual([expect.stringContaining('accepts the next one after 2026-12-01 06:30:00 UTC')])
  expect(hubbub.issues).toMatchObject([
    { state: 'open', body: expect.stringContaining('2026-12-01 06:30:00') },
  ])
  await server.sh('rm /etc/nginx/conf.d/limited.conf /etc/nginx/limited.pem; systemctl reload nginx')
})

test('when the authority is back the certificate is renewed and the issue is closed', async () => {
  await server.sh(`sed '/ ${authority.domain}$/d' /etc/hosts >/tmp/hosts && cat /tmp/hosts >/etc/hosts`)
  const run = await renew()
  expect(run.errors).toEqual([])
  expect(run.outputs.changed).toBe('true')
  expect((await served()).fingerprint256).toBe(await onDisk())
  expect(hubbub.issues).toMatchObject([{ state: 'closed' }])
  expect((await renew()).outputs.changed).toBe('false')
  expect(hubbub.issues).toHaveLength(1)
  expect(run.raw.replaceAll(/::add-mask::.*\n/g, '')).not.toContain(token)
})

test('another certbot at work is waited for', async () => {
  await age(server, authority)
  const hold = server.sh(
    `python3 -c 'import fcntl, time
f = open("/var/lib/letsencrypt/.certbot.lock", "w"); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(8)'`,
  )
  const run = await renew()
  await hold
  expect(run.errors).toEqual([])
  expect(run.log).toContain('waiting for certbot, which is already running')
  expect((await served()).fingerprint256).toBe(await onDisk())
})
