import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createRunner, createServer, key, type Runner, runStep, type Server } from '../../lab/index.ts'
import { selfSigned } from '../pem.ts'
import { passwords, succeeded } from './registry.ts'

jest.setTimeout(240_000)

let server: Server
let proxy: Server
let runner: Runner
let inputs: Record<string, string>
const domain = `proxied-${process.pid}.berth.test`
const user = { user: 'runner' }

beforeAll(async () => {
  ;[server, proxy, runner] = await Promise.all([
    createServer(),
    createServer({ aliases: [domain] }),
    createRunner(),
  ])
  // The proxy’s own, which clients see, and one that only the proxy trusts.
  const [outside, origin] = [selfSigned(domain), selfSigned(domain)]
  await proxy.write('/etc/nginx/tls/outside.crt', outside.cert)
  await proxy.write('/etc/nginx/tls/outside.key', outside.key, '600')
  await proxy.write('/etc/nginx/tls/origin.crt', origin.cert)
  await behave('')
  inputs = {
    domain,
    'ssh-host': server.domain,
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    users: `ci:${passwords.ci}`,
    certificate: origin.cert,
    'certificate-key': origin.key,
    ca: outside.cert,
  }
  // As docs/behind-a-proxy.md has it.
  await server.write(
    '/etc/nginx/conf.d/real-ip.conf',
    `set_real_ip_from ${proxy.address.v4};\nset_real_ip_from ${proxy.address.v6};\nreal_ip_header X-Real-IP;\n`,
  )
  succeeded(await step({}))
  await runner.sh(
    `mkdir -p ~/proxied && cd ~/proxied && head -c 110000000 /dev/urandom >big && printf 'FROM scratch\\nCOPY big /\\n' >Dockerfile && docker build -q -t big . >/dev/null && rm big`,
    user,
  )
})
afterAll(() => Promise.all([server?.remove(), proxy?.remove(), runner?.remove()]))

const step = (more: Record<string, string>) => runStep(runner, { ...inputs, ...more })

/** The proxy, which ends TLS and limits bodies as Cloudflare does, and does what else it is told. */
async function behave(more: string) {
  await proxy.write(
    '/etc/nginx/conf.d/proxy.conf',
    `server {
  listen 443 ssl; listen [::]:443 ssl; server_name ${domain};
  ssl_certificate tls/outside.crt; ssl_certificate_key tls/outside.key;
  client_max_body_size 100m;
  location / {
    ${more}
    proxy_pass https://${server.domain};
    proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 900s;
    proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr;
    proxy_ssl_server_name on; proxy_ssl_name ${domain};
    proxy_ssl_verify on; proxy_ssl_trusted_certificate tls/origin.crt;
  }
}
`,
  )
  await proxy.sh('nginx -t -q && systemctl reload-or-restart nginx')
}

test('a layer of more than 100 MB is refused in words, and goes through SSH', async () => {
  const image = 'big => proxied/big'
  const refused = await step({ mode: 'push', image })
  expect(refused.errors.join()).toMatch(/a proxy in front of .* \(413\).*`push-through: ssh`/)
  const run = succeeded(await step({ mode: 'push', image, 'push-through': 'ssh' }))
  expect(run.outputs.digest).toMatch(/^sha256:/)
  // And is pulled by its name, through the proxy.
  await runner.write(`/etc/docker/certs.d/${domain}/ca.crt`, inputs.ca ?? '')
  await runner.sh(
    `docker login -u ci --password-stdin ${domain} 2>/dev/null && docker pull -q ${run.outputs.images}`,
    {
      ...user,
      input: passwords.ci,
    },
  )
})

test('guesses of passwords hold up who guesses, and nobody else behind the proxy', async () => {
  const guesses = `for i in $(seq 40); do curl -sk -o /dev/null -w '%{http_code}\\n' -u "ci:wrong$i" https://${domain}/v2/; done | sort | uniq -c`
  const guesser = await createServer({ ready: false })
  try {
    expect(await guesser.sh(guesses)).toMatch(/ 429/)
    const seen = await runner.sh(
      `curl -sk -o /dev/null -w '%{http_code}' -u 'ci:${passwords.ci}' https://${domain}/v2/`,
    )
    expect(seen).toBe('200')
  } finally {
    await guesser.remove()
  }
})

test('the scheduled job is content with two certificates, the proxy’s and the server’s', async () => {
  const run = succeeded(await step({ mode: 'renew' }))
  expect(run.log).toContain('a proxy in front of this server shows a certificate')
})

test.each([
  [525, /proxy in front of .* does not accept the server’s certificate \(525\)/],
  [526, /proxy in front of .* does not accept the server’s certificate \(526\)/],
])('%d is said for what it is', async (status, words) => {
  await behave(`return ${status};`)
  try {
    const run = await step({ mode: 'push', image: 'big => proxied/other' })
    expect(run.errors.join()).toMatch(words)
    expect(run.log).not.toContain('try 2')
  } finally {
    await behave('')
  }
})

test('524 is tried again, and said for what it is', async () => {
  await behave('return 524;')
  let mended: Promise<void> | undefined
  const run = await runStep(
    runner,
    { ...inputs, mode: 'push', image: 'big => proxied/late', 'push-through': 'https' },
    {
      onLine: line => {
        if (line.includes('waited too long for the server (524)')) mended ??= behave('')
      },
    },
  )
  await mended
  expect(mended).toBeDefined()
  expect(run.log).toMatch(/waited too long for the server \(524\); push with `push-through: ssh`/)
})
