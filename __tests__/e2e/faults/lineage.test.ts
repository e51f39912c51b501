import { randomBytes } from 'node:crypto'
import { expect, jest, test } from '@jest/globals'
import { age } from '../age.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

const shop = `shop-${randomBytes(3).toString('hex')}.berth.test`

/** A server on which somebody got a certificate for two sites at once, of which one is to become the registry. */
const here = scene({
  aliases: [shop],
  async before() {
    const { server, domain, world } = here
    await server.write('/etc/berth-test-ca.pem', world.acme.trust)
    await server.write(
      '/etc/nginx/sites-enabled/shop',
      `server { listen 80; listen [::]:80; server_name ${shop} ${domain}; root /var/www/shop; }\n`,
    )
    await server.sh(`mkdir -p /var/www/shop && systemctl reload nginx`)
    await certbot(`certonly --webroot --webroot-path /var/www/shop --domain ${domain} --domain ${shop} \
      --server ${world.acme.directory} --agree-tos --register-unsafely-without-email`)
    await server.write(
      '/etc/nginx/sites-enabled/shop',
      `server { listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl; server_name ${shop}; root /var/www/shop;
        ssl_certificate /etc/letsencrypt/live/${domain}/fullchain.pem; ssl_certificate_key /etc/letsencrypt/live/${domain}/privkey.pem; }\n`,
    )
    await server.sh('systemctl reload nginx')
    both = await state()
  },
})
const run = (script: string) => here.server.sh(script)
const certbot = (words: string) =>
  run(`REQUESTS_CA_BUNDLE=/etc/berth-test-ca.pem certbot ${words} --non-interactive 2>&1`)

/** All that certbot knows of the certificate for both. */
const state = () =>
  run(`cd /etc/letsencrypt && sha256sum renewal/${here.domain}.conf archive/${here.domain}/*`)
let both = ''
const twoNames = () =>
  [here.domain, shop]
    .map(each => `DNS:${each}`)
    .sort()
    .join(' ')

const names = (site: string) =>
  run(`openssl s_client -connect 127.0.0.1:443 -servername ${site} </dev/null 2>/dev/null |
    openssl x509 -noout -ext subjectAltName | grep -o 'DNS:[^,]*' | sort | paste -sd ' '`)

test('a certificate that has another domain too is left alone, and Berth has its own', async () => {
  expect(await names(here.domain)).toBe(`DNS:${here.domain}`)
  expect(await names(shop)).toBe(twoNames())
  expect(await state()).toBe(both)
  expect(succeeded(await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
})

test('a site that another version of Berth wrote serves on while the certificate is renewed', async () => {
  const site = `/etc/nginx/sites-available/berth-${here.domain}.conf`
  await run(`sed -i '1i # another version' ${site} && systemctl reload nginx`)
  const before = await run(`sha256sum ${site}`)
  await age(here.server, here.world.acme, `berth-${here.domain}`)
  const renewed = succeeded(await here.step({ mode: 'renew', users: '' }))
  expect(renewed.outputs.changed).toBe('true')
  expect(await run(`sha256sum ${site}`)).toBe(before)
  expect(await here.pulls(`team/app@${here.digest}`)).toBe(true)
})

test('both are renewed, each by its own settings', async () => {
  await certbot(`renew --cert-name ${here.domain} --force-renewal --no-random-sleep-on-renew`)
  expect(await names(shop)).toBe(twoNames())
  const other = await state()
  expect(other).not.toBe(both)
  await certbot(`renew --cert-name berth-${here.domain} --force-renewal --no-random-sleep-on-renew`)
  expect(await state()).toBe(other)
  succeeded(await here.step({ mode: 'renew', users: '' }))
  expect(await names(here.domain)).toBe(`DNS:${here.domain}`)
})
