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
  const shop = '/etc/nginx/sites-enabled/shop'
  await here.server.write(
    shop,
    `server {\n  listen 80;\n  server_name shop.test\n    ${here.server.domain};\n}\n`,
  )
  const before = await untouched()
  const run = await here.step()
  expect(run.code).toBe(1)
  expect(run.errors.join('\n')).toContain(`${shop} serves ${here.server.domain} together with other names`)
  expect(await untouched()).toBe(before)
  await here.server.sh(`rm ${shop}`)
})

test('a server with other sites, a default server among them, and other containers keeps them all', async () => {
  await here.server.sh(`
cat >/etc/nginx/sites-enabled/shop <<'END'
server { listen 80; listen [::]:80; server_name shop.test; location / { return 200 shop; } }
END
cat >/etc/nginx/conf.d/default-tls.conf <<'END'
server { listen 443 ssl default_server; server_name _; ssl_certificate /etc/ssl/shop.pem; ssl_certificate_key /etc/ssl/shop.key; location / { return 200 default; } }
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /etc/ssl/shop.key -out /etc/ssl/shop.pem -subj /CN=shop.test -days 9 2>&1
systemctl reload nginx
docker run -d --name database --entrypoint sleep registry:2 6000`)
  const neighbours = () =>
    here.server.sh(
      `sha256sum /etc/nginx/sites-enabled/shop /etc/nginx/conf.d/default-tls.conf /etc/nginx/sites-available/default /etc/nginx/nginx.conf
docker inspect --format '{{.Id}} {{.State.StartedAt}}' database
curl -s -H 'Host: shop.test' http://localhost/; curl -sk https://localhost/`,
    )
  const before = await neighbours()
  expect(before).toContain('shopdefault')
  succeeded(await here.step())
  expect(await neighbours()).toBe(before)
  expect((await here.step()).outputs.changed).toBe('false')
})
