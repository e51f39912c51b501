import { randomBytes } from 'node:crypto'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import {
  type Acme,
  acme,
  createServer,
  key,
  runStep,
  type Server,
  type StepRun,
  type World,
  world,
} from '../../lab/index.ts'

jest.setTimeout(600_000)

const hmac = randomBytes(32).toString('base64url')
/** An authority that wants an account of its customers, and rejects every other nonce. */
const strict = {
  name: `strict-${randomBytes(2).toString('hex')}`,
  eab: { 'kid-1': hmac },
  nonceReject: 50,
}

let lab: World
let authority: Acme
let server: Server
let inputs: Record<string, string>

beforeAll(async () => {
  lab = await world()
  authority = await acme(strict)
  server = await createServer()
  inputs = {
    domain: server.domain,
    'ssh-host': server.domain,
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    email: 'ops@example.com',
    users: 'ci:correct horse battery staple',
    'acme-server': authority.directory,
    'acme-eab': `kid-1:${hmac}`,
    ca: authority.trust,
  }
})

afterAll(async () => {
  await server?.remove()
  await authority?.remove()
})

const step = (more: Record<string, string> = {}): Promise<StepRun> =>
  runStep(lab.runner, { ...inputs, ...more })

/** How often the authority was asked for an order, in tries that a rejected nonce spoilt too. */
const orders = async () => (await authority.log()).split('POST /order-plz').length - 1

const changes = (run: StepRun): string[] =>
  JSON.parse(run.outputs.plan ?? '[]').map(
    ({ resource, summary }: { resource: string; summary: string }) => `${resource}: ${summary}`,
  )

function served(name = server.domain): Promise<DetailedPeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: server.address.v4, port: 443, servername: name, rejectUnauthorized: false },
      () => {
        resolve(socket.getPeerCertificate(true))
        socket.destroy()
      },
    )
    socket.on('error', reject)
  })
}

test('a name that leads nowhere, or elsewhere, costs no order', async () => {
  const nowhere = await step({ domain: 'nowhere.berth.test' })
  expect(nowhere.errors).toEqual([
    expect.stringMatching(/nowhere\.berth\.test does not exist in DNS.*A record/),
  ])
  expect((await server.run('ls /opt/berth /etc/nginx/sites-enabled/berth*')).code).not.toBe(0)

  const elsewhere = await step({
    domain: authority.domain,
    directory: '/opt/elsewhere',
  })
  expect(elsewhere.errors[0]).toContain(
    `the A record of ${authority.domain}, ${authority.address.v4}, refuses connections on port 80`,
  )
  expect(elsewhere.errors[0]).toContain(server.address.v4)
  expect(await orders()).toBe(0)
})

test('a blocked port 80 and a stale AAAA record cost no order', async () => {
  await server.sh(`iptables -I INPUT -p tcp --dport 80 -j DROP
    ip -6 addr del ${server.address.v6}/64 dev eth0`)
  const run = await step({ 'ssh-host': server.address.v4, 'ssh-known-hosts': server.fingerprints.join('\n') })
  await server.sh(`iptables -D INPUT -p tcp --dport 80 -j DROP
    ip -6 addr add ${server.address.v6}/64 dev eth0`)
  expect(run.code).toBe(1)
  expect(run.errors[0]).toContain(
    `the A record of ${server.domain}, ${server.address.v4}, does not answer on port 80; open port 80 to everyone there`,
  )
  expect(run.errors[0]).toMatch(
    new RegExp(`the AAAA record of ${server.domain}, ${server.address.v6}, .*correct or remove the record`),
  )
  expect(await orders()).toBe(0)
  expect(
    await server.sh('ls /var/www/berth/.well-known/acme-challenge; ls /run | grep berth-order || :'),
  ).toBe('')
})

test('a clock that is a year off is said', async () => {
  await server.write('/usr/local/sbin/date', '#!/bin/sh\nexec /bin/date -d "1 year ago" "$@"\n', '755')
  const run = await step()
  await server.sh('rm /usr/local/sbin/date')
  expect(run.errors).toEqual([
    expect.stringMatching(/clock shows \d{4}-\d\d-\d\d, more than a day off.*timedatectl/),
  ])
})

test('an authority without an account of ours says so, in words', async () => {
  const run = await step({ 'acme-eab': '' })
  expect(run.errors).toEqual([
    expect.stringMatching(/requires an account that is bound to one of yours; give `acme-eab`/),
  ])
})

test('an order succeeds though half of all nonces are rejected, and the account’s key stays secret', async () => {
  const run = await step()
  expect(run.errors).toEqual([])
  expect((await served()).subjectaltname).toBe(`DNS:${server.domain}`)
  expect((await served()).asn1Curve).toBe('prime256v1')
  expect(run.log).not.toContain(hmac)
  expect(
    (
      await server.run(
        `grep -rlF '${hmac}' /etc/letsencrypt /var/log/letsencrypt /opt/berth /run /tmp /var/tmp`,
      )
    ).stdout,
  ).toBe('')
  expect((await step()).outputs.changed).toBe('false')
})

test('an unknown name gets no certificate, unless another site wants to be the default', async () => {
  await expect(served('unknown.example')).rejects.toThrow(/unrecognized name|handshake failure/)
  await server.sh(`openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=neighbour -keyout /etc/nginx/n.pem -out /etc/nginx/n.crt 2>/dev/null
    printf 'server { listen 443 ssl default_server; listen [::]:443 ssl default_server; server_name neighbour.example;
      ssl_certificate /etc/nginx/n.crt; ssl_certificate_key /etc/nginx/n.pem; }' >/etc/nginx/conf.d/neighbour.conf
    sed -i 's/ default_server//' /etc/nginx/sites-available/berth-${server.domain}.conf
    sed -i '/server_name _;/,$d' /etc/nginx/sites-available/berth-${server.domain}.conf
    echo 'server_name _; ssl_reject_handshake on; }' >>/etc/nginx/sites-available/berth-${server.domain}.conf
    nginx -t -q && systemctl reload nginx`)
  const run = await step()
  expect(run.errors).toEqual([])
  expect((await served('unknown.example')).subject.CN).toBe('neighbour')
  expect((await step()).outputs.changed).toBe('false')
  await server.sh('rm /etc/nginx/conf.d/neighbour.conf && systemctl reload nginx')
  expect((await step()).errors).toEqual([])
  await expect(served('unknown.example')).rejects.toThrow()
})

test('a live folder that was deleted or half written is restored without an order', async () => {
  const live = `/etc/letsencrypt/live/${server.domain}`
  const before = (await served()).fingerprint256
  const count = await orders()
  for (const damage of [
    `rm -r ${live}`,
    `ln -sfn ../../archive/${server.domain}/privkey9.pem ${live}/privkey.pem`,
  ]) {
    await server.sh(damage)
    const run = await step()
    expect(run.errors).toEqual([])
    expect(changes(run)).toEqual(['certificate: restore the live folder from certbot’s archive'])
    await server.sh('nginx -t -q && systemctl restart nginx')
    expect((await served()).fingerprint256).toBe(before)
  }
  expect(await orders()).toBe(count)
})

test('a lineage that is lost is ordered anew while the old certificate is served, by an authority that forgot the account', async () => {
  await server.sh(`rm -r /etc/letsencrypt/archive/${server.domain}/fullchain1.pem`)
  // Pebble forgets everything when it restarts: accounts, and its own root.
  await authority.run('kill 1; sleep 20')
  authority = await acme(strict)
  inputs.ca = authority.trust
  const run = await step()
  expect(run.errors).toEqual([])
  expect(changes(run)).toContain(`certificate: order for ${server.domain}`)
  expect(run.log).toContain('no longer knows this account; putting it aside')
  expect((await step()).outputs.changed).toBe('false')
})

test('e-mail and authority change without a login to the server', async () => {
  const email = await step({ email: 'new@example.com' })
  expect(email.errors).toEqual([])
  expect(changes(email)).toEqual(['renewal: tell the authority your address, new@example.com'])
  inputs.email = 'new@example.com'

  const { directory, trust } = lab.acme
  const other = { 'acme-server': directory, ca: trust + authority.trust, 'acme-eab': '' }
  const before = (await served()).fingerprint256
  const run = await step(other)
  expect(run.errors).toEqual([])
  expect((await served()).fingerprint256).not.toBe(before)
  expect((await step(other)).outputs.changed).toBe('false')
  Object.assign(inputs, other)
})

test('your own certificate takes the place of ACME’s, and back', async () => {
  const acmes = (await served()).fingerprint256
  const own = await sign(server.domain)
  const bring = { certificate: own.chain, 'certificate-key': own.key.replaceAll('\n', '\r\n') }
  const run = await step(bring)
  expect(run.errors).toEqual([])
  expect((await served()).subject.O).toBe('own')
  expect(await server.sh('stat -c "%a %U:%G" /opt/berth/tls.pem')).toBe('600 root:root')
  for (const line of own.key.split('\n').filter(each => each && !each.startsWith('---')))
    expect(run.raw.replaceAll(/::add-mask::.*\n/g, '')).not.toContain(line)
  expect((await step(bring)).outputs.changed).toBe('false')

  const renewed = await sign(server.domain)
  expect((await step({ certificate: renewed.chain, 'certificate-key': renewed.key })).errors).toEqual([])
  expect((await served()).serialNumber).not.toBe((await served()).issuerCertificate?.serialNumber)

  expect((await step()).errors).toEqual([])
  expect((await served()).fingerprint256).toBe(acmes)
  expect((await server.run('ls /opt/berth/tls.pem')).code).not.toBe(0)
  expect((await step()).outputs.changed).toBe('false')
})

/** A certificate by the authority's own root, which `ca` has anyway. */
async function sign(name: string): Promise<{ chain: string; key: string }> {
  const out = await authority.sh(`cd $(mktemp -d)
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=own -keyout key -out csr 2>/dev/null
    printf 'subjectAltName=DNS:${name}\\nextendedKeyUsage=serverAuth\\nkeyUsage=digitalSignature\\n' >ext
    openssl x509 -req -in csr -CA /var/lib/acme/ca.pem -CAkey /var/lib/acme/ca.key -days 90 -extfile ext -out crt 2>/dev/null
    cat crt key`)
  const at = out.indexOf('-----BEGIN PRIVATE')
  return { chain: out.slice(0, at), key: `${out.slice(at)}\n` }
}
