import { expect, jest, test } from '@jest/globals'
import { age } from '../age.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

const here = scene()
const run = (script: string) => here.server.sh(script)
const plan = () => here.step({ mode: 'plan' })
const ini = '/etc/letsencrypt/cli.ini'

/** What somebody has in cli.ini for all certificates, until the test is over. */
async function setting(lines: string, work: () => Promise<void>): Promise<void> {
  await run(`cp -p ${ini} /root/cli.ini && printf '%s\\n' ${lines} >>${ini}`)
  try {
    await work()
  } finally {
    await run(`cp -p /root/cli.ini ${ini}`)
  }
}

const timer = () => here.server.run('systemctl start certbot.service')

test.each([
  ['another authenticator', "'authenticator = standalone'", '`authenticator = standalone`'],
  ['another challenge', "'preferred-challenges = dns'", '`preferred-challenges = dns`'],
  ['another folder', "'webroot-path = /var/www/html'", '`webroot-path = /var/www/html`'],
  [
    'hooks that stop nginx',
    "'pre-hook = systemctl stop nginx' 'post-hook = systemctl start nginx'",
    '`pre-hook`',
  ],
  [
    'another map of folders',
    `'webroot-map = {"other.example.com": "/var/www/html"}'`,
    '`webroot-map = other.example.com:/var/www/html`',
  ],
  ['one certificate', "'cert-name = nobody'", '`cert-name = nobody`'],
])('%s for all certificates: named, and an order of Berth’s own succeeds', (_, lines, named) =>
  setting(lines, async () => {
    await age(here.server, here.world.acme)
    // What `plan` says is true: the server itself can't.
    expect((await timer()).code).not.toBe(0)
    expect(succeeded(await plan()).log).toContain(named)
    const renewed = succeeded(await here.step({ mode: 'renew', users: '' }))
    expect(Date.parse(renewed.outputs['certificate-expires'] ?? '')).toBeGreaterThan(
      Date.now() + 60 * 86_400_000,
    )
    expect(await run(`grep -c '^authenticator = webroot' /etc/letsencrypt/renewal/${here.domain}.conf`)).toBe(
      '1',
    )
    expect(succeeded(await plan()).outputs.plan).toBe('[]')
  }),
)

test('a file of hooks that stops nginx: the same', async () => {
  const hook = '/etc/letsencrypt/renewal-hooks/pre/stop'
  await here.server.write(hook, '#!/bin/sh\nsystemctl stop nginx\n', '755')
  expect(succeeded(await plan()).log).toContain(`${hook} stops nginx`)
  await age(here.server, here.world.acme)
  succeeded(await here.step({ mode: 'renew', users: '' }))
  await run(`rm ${hook}`)
})

test('an option that certbot does not know: nothing can be renewed, and plan says so', () =>
  setting("'dns-cloudflare-propagation-seconds = 30'", async () => {
    expect((await timer()).code).not.toBe(0)
    const words = 'does not take `dns-cloudflare-propagation-seconds` in /etc/letsencrypt/cli.ini'
    expect(succeeded(await plan()).log).toContain(words)
    expect(await run('ls -d /run/berth-look.* 2>/dev/null || :')).toBe('')
  }))

test('staging for all certificates: named by plan, and by a renewal that it forbids', () =>
  setting("'staging = true'", async () => {
    expect(succeeded(await plan()).log).toContain('`staging = true` is in /etc/letsencrypt/cli.ini')
    await age(here.server, here.world.acme)
    const step = await here.step({ mode: 'renew', users: '' })
    expect(step.errors.join()).toMatch(/could not be renewed: .*conflicts with --staging.*cli\.ini/)
  }))

test('a certbot that is not the distribution’s and has no timer: Berth’s own renews, and its plugins are those it has', async () => {
  await run('dpkg --remove certbot 2>&1')
  await here.server.write(
    '/usr/local/bin/certbot',
    '#!/usr/bin/python3\nimport sys\nfrom certbot.main import main\nsys.exit(main())\n',
    '755',
  )
  try {
    const step = await here.step({
      'acme-dns': 'cloudflare',
      'acme-dns-credentials': 'dns_cloudflare_api_token = 0123456789',
    })
    expect(step.errors.join()).toMatch(
      /certbot on the server is not the distribution’s and has no plugin for DNS; install the one for cloudflare/,
    )
    expect(succeeded(await here.step()).outputs.plan).toContain('a timer that renews the certificate')
    expect(await run('systemctl is-active berth-renewal.timer')).toBe('active')
    await age(here.server, here.world.acme)
    await run('systemctl start berth-renewal.service')
    expect(
      await run(
        `openssl x509 -noout -checkend ${60 * 86_400} -in /etc/letsencrypt/live/${here.domain}/cert.pem`,
      ),
    ).toBe('Certificate will not expire')
    expect(succeeded(await plan()).outputs.plan).toBe('[]')
  } finally {
    await run('rm /usr/local/bin/certbot')
  }
})
