import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import {
  type Acme,
  acme,
  createServer,
  type Dns,
  dns,
  key,
  runStep,
  type Server,
  until,
  type World,
  world,
} from '../../lab/index.ts'

jest.setTimeout(600_000)

/** What an authority says comes through two generations of certbot: 2.1 and 4.0. */
const suites = ['bookworm', 'trixie']
const id = randomBytes(2).toString('hex')
const forbidden = `forbidden-${id}.berth.test`

let lab: World
let names: Dns
let authority: Acme
let servers: Server[]

beforeAll(async () => {
  lab = await world()
  names = await dns(`dns-${id}`)
  authority = await acme({
    name: `wordy-${id}`,
    dns: names.server,
    config: { domainBlocklist: suites.map(suite => `${suite}-${forbidden}`) },
  })
  servers = await Promise.all(
    suites.map(suite => createServer({ suite, aliases: [`${suite}-${forbidden}`] })),
  )
})

afterAll(async () => {
  await Promise.all([...(servers ?? []), authority, names].map(machine => machine?.remove()))
})

/** What `up` fails with, on each server. */
async function errors(more: (suite: string) => Record<string, string> = () => ({})): Promise<string[]> {
  const runs = servers.map(async (server, at) =>
    runStep(lab.runner, {
      domain: server.domain,
      'ssh-host': server.domain,
      'ssh-key': (await key()).private,
      'ssh-known-hosts': server.knownHosts,
      users: 'ci:correct horse battery staple',
      'acme-server': authority.directory,
      ca: authority.trust,
      ...more(suites[at] ?? ''),
    }),
  )
  return (await Promise.all(runs)).flatMap(run => run.errors)
}

/** The same words on each server. */
const each = (words: RegExp) => servers.map(() => expect.stringMatching(words))

test('the authority is not there, or is none', async () => {
  expect(await errors(() => ({ 'acme-server': `https://nowhere-${id}.berth.test/dir` }))).toEqual(
    each(/the server can’t resolve nowhere-.*; is `acme-server` right/),
  )
  expect(await errors(() => ({ 'acme-server': `https://${authority.domain}/dir` }))).toEqual(
    each(/wordy-.* does not answer the server, or is down; see its status page/),
  )
  expect(await errors(() => ({ 'acme-server': `https://${authority.domain}:14000/nothing` }))).toEqual(
    each(/answers, but not as an ACME server does; is `acme-server` the URL of its directory\?/),
  )
  expect(await errors(() => ({ ca: '' }))).toEqual(
    each(
      /the server does not trust wordy-.*, whose certificate is from a private authority; give that as `ca`/,
    ),
  )
})

test('the authority issues no certificate for this name', async () => {
  expect(
    await errors(suite => ({
      domain: `${suite}-${forbidden}`,
      directory: '/opt/forbidden',
    })),
  ).toEqual(each(/issues no certificate for .*-forbidden-.*because of its policy; use another name/))
})

test('the authority sees another Internet than the runner', async () => {
  // Its DNS knows nothing yet; Pebble says that as it says everything that goes wrong on the way.
  expect(await errors()).toEqual(each(/can’t reach http:\/\/server-.* on port 80, though this runner can/))
  for (const { domain } of servers) await names.set(domain, { v4: [authority.address.v4] })
  expect(await errors()).toEqual(each(/can’t reach http:\/\/server-.* on port 80, though this runner can/))
  for (const [at, { domain }] of servers.entries())
    await names.set(domain, { v4: [servers[1 - at]?.address.v4 ?? ''] })
  expect(await errors()).toEqual(each(/got an answer that is not this server’s from http:\/\/server-/))
})

/** Everything goes to the authority, but orders are refused with this. */
async function refuseOrders(problem: { type: string; status: number; detail: string }): Promise<void> {
  const identity = await authority.sh('cat /var/lib/acme/tls.pem /var/lib/acme/tls.key')
  for (const server of servers) {
    await server.write('/etc/nginx/refusing.pem', `${identity}\n`)
    await server.write(
      '/etc/nginx/conf.d/refusing.conf',
      `server {
        listen 14000 ssl;
        ssl_certificate /etc/nginx/refusing.pem;
        ssl_certificate_key /etc/nginx/refusing.pem;
        location / { proxy_pass https://${authority.address.v4}:14000; proxy_set_header Host $http_host; }
        location /order-plz {
          default_type application/problem+json;
          add_header Replay-Nonce AAAA always;
          return ${problem.status} '${JSON.stringify({ ...problem, type: `urn:ietf:params:acme:error:${problem.type}` })}';
        }
      }\n`,
    )
    await server.sh(
      `nginx -t -q && systemctl reload nginx
       grep -q ${authority.domain} /etc/hosts || echo '127.0.0.1 ${authority.domain}' >>/etc/hosts`,
    )
    await until('nginx refuses orders so', 20, async () =>
      (await server.sh('curl -sk https://127.0.0.1:14000/order-plz')).includes(`:${problem.type}"`),
    )
  }
}

test('the authority refuses', async () => {
  await refuseOrders({
    type: 'caa',
    status: 403,
    detail: 'CAA record for registry.example.com prevents issuance',
  })
  expect(await errors()).toEqual(each(/a CAA record forbids wordy-.* to issue certificates for server-/))
  await refuseOrders({
    type: 'rateLimited',
    status: 429,
    detail:
      'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-12-01 06:30:00 UTC: see https://letsencrypt.org/docs/rate-limits/',
  })
  expect(await errors()).toEqual(each(/accepts the next one after 2026-12-01 06:30:00 UTC; run again then/))
  await refuseOrders({
    type: 'serverInternal',
    status: 503,
    detail: 'Service is down for maintenance',
  })
  expect(await errors()).toEqual(each(/wordy-.* does not answer the server, or is down/))
})

test('when all of that is over, the same step succeeds', async () => {
  for (const server of servers) {
    await server.sh(`rm /etc/nginx/conf.d/refusing.conf /etc/nginx/refusing.pem; systemctl reload nginx
      sed '/ ${authority.domain}$/d' /etc/hosts >/tmp/hosts && cat /tmp/hosts >/etc/hosts`)
    await names.set(server.domain, { v4: [server.address.v4] })
  }
  expect(await errors()).toEqual([])
})
