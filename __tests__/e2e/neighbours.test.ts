import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(180_000)

let here: Registry

beforeAll(async () => {
  here = await registry({ suite: 'bookworm' })
})
afterAll(() => here?.server.remove())

/** What a refused run must not have touched. */
const untouched = () =>
  here.server.sh(
    'ls -lR --time-style=full-iso /etc/nginx /opt /etc/letsencrypt 2>/dev/null; docker ps --all --format "{{.ID}} {{.Names}} {{.State}}"; systemctl show --property MainPID nginx',
  )

const cases: [name: string, occupy: string, free: string, message: RegExp][] = [
  [
    'port 80 held by another program',
    'systemctl stop nginx; systemd-run --unit eighty python3 -m http.server --bind 0.0.0.0 80; until ss -ltnH "sport = :80" | grep -q .; do :; done',
    'systemctl stop eighty; systemctl start nginx',
    /port 80 is taken by program python3, and nginx needs it/,
  ],
  [
    'port 443 held by a container',
    'docker pull -q registry:2 >/dev/null; docker run -d --name proxy -p 443:80 --entrypoint sleep registry:2 600',
    'docker rm -f proxy',
    /port 443 is taken by container proxy, and nginx needs it/,
  ],
]

test.each(cases)('%s: says by whom and touches nothing', async (_, occupy, free, message) => {
  await here.server.sh(occupy)
  const before = await untouched()
  try {
    const run = await here.step()
    expect(run.code).toBe(1)
    expect(run.errors.join('\n')).toMatch(message)
    expect(await untouched()).toBe(before)
  } finally {
    await here.server.sh(free)
  }
})

test('another site of the same name: says which file and touches nothing', async () => {
  const site = '/etc/nginx/sites-enabled/shop'
  await here.server.write(
    site,
    `server {\n  listen 80;\n  server_name shop.test\n    ${here.server.domain};\n}\n`,
  )
  const before = await untouched()
  const run = await here.step()
  expect(run.code).toBe(1)
  expect(run.errors.join('\n')).toContain(`${site} serves ${here.server.domain} together with other names`)
  expect(await untouched()).toBe(before)
  await here.server.sh(`rm ${site}`)
})

const tls = 'ssl_certificate /etc/ssl/shop.pem; ssl_certificate_key /etc/ssl/shop.key;'
const makeKey =
  'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /etc/ssl/shop.key -out /etc/ssl/shop.pem -subj /CN=shop.test -days 9 2>&1'
const shop = '/etc/nginx/conf.d/shop.conf'

/** nginx started anew, as at a reboot; systemd counts how often. */
const again = 'systemctl reset-failed nginx; systemctl restart nginx'
const restart = () => here.server.run(again)

const listeners: [name: string, site: () => string, message: () => string][] = [
  [
    'an IPv6 socket that takes IPv4 too',
    () => `server { listen [::]:443 ssl ipv6only=off; server_name shop.test; ${tls} }`,
    () => `\`listen [::]:443\` in ${shop} takes IPv4 as well (\`ipv6only=off\`)`,
  ],
  [
    'the address itself',
    () => `server { listen ${here.server.address.v4}:443 ssl; server_name shop.test; ${tls} }`,
    () =>
      `\`listen ${here.server.address.v4}:443\` in ${shop} gives all that comes to this address to that site`,
  ],
  [
    'the proxy protocol',
    () => 'server { listen 80 proxy_protocol; listen [::]:80; server_name shop.test; }',
    () => `\`listen 80\` in ${shop} has \`proxy_protocol\``,
  ],
]

test.each(listeners)(
  'a site that listens with %s: named, and nothing is touched',
  async (_, site, message) => {
    await here.server.sh(makeKey)
    await here.server.write(shop, `${site()}\n`)
    await here.server.sh(`rm -f /etc/nginx/sites-enabled/default; nginx -t -q; ${again}`)
    const before = await untouched()
    const run = await here.step()
    expect(run.errors.join('\n')).toContain(message())
    expect(await untouched()).toBe(before)
    expect((await restart()).code).toBe(0)
    await here.server.sh(`rm ${shop}; ln -s ../sites-available/default /etc/nginx/sites-enabled/; ${again}`)
  },
)

const streams: [name: string, server: string, message: RegExp][] = [
  ['that looks like one', 'server { listen 443; proxy_pass 127.0.0.1:22; }', /belongs to a `stream`/],
  [
    'that does not',
    'server { listen 443; return no; }',
    /nginx can’t listen on 0\.0\.0\.0:443, because another site or program on the server already does/,
  ],
]

test.each(streams)(
  'a stream on port 443 %s: named, and nginx can always be started again',
  async (_, server, message) => {
    await here.server.sh(
      'apt-get -q update 2>&1; apt-get -q install -y --no-install-recommends libnginx-mod-stream 2>&1; mkdir -p /etc/nginx/streams',
    )
    await here.server.write('/etc/nginx/streams/door', `${server}\n`)
    await here.server.sh(
      `cp /etc/nginx/nginx.conf /root/; echo "stream { include /etc/nginx/streams/*; }" >>/etc/nginx/nginx.conf; ${again}`,
    )
    const run = await here.step()
    expect(run.errors.join('\n')).toMatch(message)
    expect(await here.server.sh('grep -l "listen 443 ssl" /etc/nginx/sites-enabled/berth-* || :')).toBe('')
    expect((await restart()).code).toBe(0)
    await here.server.sh(`mv /root/nginx.conf /etc/nginx/; rm -r /etc/nginx/streams; ${again}`)
  },
)

test('folders for sites that nginx.conf does not include: said before anything is written', async () => {
  await here.server.sh(
    `cp /etc/nginx/nginx.conf /root/; sed -i "/include.*\\(conf.d\\|sites-enabled\\)/d" /etc/nginx/nginx.conf; ${again}`,
  )
  const before = await untouched()
  const run = await here.step()
  expect(run.errors.join('\n')).toContain('its nginx.conf includes neither sites-enabled nor conf.d')
  expect(await untouched()).toBe(before)
  // A folder that is there and not read is no place for a site: the other one is.
  await here.server.sh(`sed "/include.*sites-enabled/d" /root/nginx.conf >/etc/nginx/nginx.conf; ${again}`)
  expect(succeeded(await here.step()).log).toContain('the registry answers')
  expect((await here.step()).outputs.changed).toBe('false')
  succeeded(await here.step({ mode: 'down', purge: here.server.domain }))
  expect(await here.server.sh('ls /etc/nginx/conf.d')).toBe('')
  await here.server.sh(`mv /root/nginx.conf /etc/nginx/; ${again}`)
})

test('a server with other sites, a default one and one on another address among them, and other containers keeps them all', async () => {
  await here.server.sh(`
ip address add 192.0.2.10/32 dev eth0
cat >/etc/nginx/conf.d/apart.conf <<'END'
server { listen 192.0.2.10:80; listen 192.0.2.10:443 ssl; server_name apart.test; ssl_certificate /etc/ssl/shop.pem; ssl_certificate_key /etc/ssl/shop.key; location / { return 200 apart; } }
END
cat >/etc/nginx/sites-enabled/shop <<'END'
server { listen 80; listen [::]:80; server_name shop.test; location / { return 200 shop; } }
END
cat >/etc/nginx/conf.d/default-tls.conf <<'END'
server { listen 443 ssl default_server; server_name _; ssl_certificate /etc/ssl/shop.pem; ssl_certificate_key /etc/ssl/shop.key; location / { return 200 default; } }
END
${makeKey}
systemctl reload nginx
docker run -d --name database --entrypoint sleep registry:2 6000`)
  const neighbours = () =>
    here.server.sh(
      `sha256sum /etc/nginx/sites-enabled/shop /etc/nginx/conf.d/default-tls.conf /etc/nginx/conf.d/apart.conf /etc/nginx/sites-available/default /etc/nginx/nginx.conf
docker inspect --format '{{.Id}} {{.State.StartedAt}}' database
curl -s -H 'Host: shop.test' http://localhost/; curl -4sk https://localhost/; curl -sk https://192.0.2.10/`,
    )
  const before = await neighbours()
  expect(before).toContain('shopdefaultapart')
  succeeded(await here.step())
  expect(await neighbours()).toBe(before)
  expect((await here.step()).outputs.changed).toBe('false')
})
