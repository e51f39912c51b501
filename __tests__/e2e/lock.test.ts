import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

// nginx is the lock. Whatever a hand does to it, no run says that all is well while a stranger gets in, and `up` puts it right or says
// what is in the way.

jest.setTimeout(240_000)

const image = `lock-${randomBytes(3).toString('hex')}`

let here: Registry
let domain: string
let site: string

beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  site = `/etc/nginx/sites-available/berth-${domain}.conf`
  await here.world.runner.sh(
    `d=$(mktemp -d) && echo ${image} >$d/f && printf 'FROM scratch\nCOPY f /\n' >$d/Dockerfile && docker build -q -t ${image} $d && rm -r $d`,
  )
  succeeded(await here.step({ image: `${image} => team/app:1` }))
  await here.server.sh('cp -a /etc/nginx /root/nginx && cp -a /opt/berth/htpasswd /root/htpasswd')
})
afterAll(async () => {
  await here?.world.runner.run(`docker images -q ${image} | xargs -r docker rmi -f`)
  await here?.server.remove()
})

/** It forgets who has guessed, too. */
const restart = 'nginx -t -q && systemctl reset-failed nginx && systemctl restart nginx'
const tls = () =>
  `ssl_certificate /etc/letsencrypt/live/${domain}/fullchain.pem; ssl_certificate_key /etc/letsencrypt/live/${domain}/privkey.pem;`
const toSocket = 'proxy_set_header Host $host; proxy_pass http://unix:/opt/berth/registry.sock:;'
const rival = (
  name: string,
  listen = 'listen 443 ssl; listen [::]:443 ssl;',
  inside = `location / { ${toSocket} }`,
) => `server { ${listen} server_name ${name}; ${tls()} client_max_body_size 0; ${inside} }`
/** Writes a file that nginx reads. */
const file = (path: string, content: string) => `cat >${path} <<'CONTENT'\n${content}\nCONTENT\n`
/** Puts words behind the first line of the HTTPS server that fits. */
const behind = (line: string, words: string) =>
  `sed -i '/listen 443/,$ { /${line}/ { s#$#\\n${words}#; :rest; n; b rest } }' ${site}`
const passwordOf = (name: string, password: string) => `${name}:$(openssl passwd -6 '${password}')`

/** The server’s own addresses: a site that listens on one comes before all that listen on any. */
const own = () =>
  [here.server.address.v4, `[${here.server.address.v6}]`].map(each => `listen ${each}:443 ssl;`)

interface Break {
  /** What the hand does. */
  by: () => string
  /** Whether strangers get in by it. */
  opens: boolean
  /** What `up` says if it can’t put it right by itself. */
  says?: RegExp
}

const serves = /serves \S+ already; take it over with `adopt: true`, or remove it/
/** What `up` says of a site that gets all that comes to an address. */
const taken = /gives all that comes to this address to that site, so that nobody gets to the registry/

const unlocked = /lets people in without a password or with a wrong one/
const breaks: Record<string, Break> = {
  'no auth_basic': { by: () => `sed -i '/auth_basic "Registry"/d' ${site}`, opens: true },
  'auth_basic off': { by: () => `sed -i 's/auth_basic "Registry"/auth_basic off/' ${site}`, opens: true },
  'a 401 that leads to the registry': {
    by: () => `sed -i 's/error_page 401 @unauthorized/error_page 401 = @registry/' ${site}`,
    opens: true,
  },
  'satisfy any, allow all': {
    by: () => `sed -i 's/satisfy all;/satisfy any; allow all;/' ${site}`,
    opens: true,
  },
  'satisfy any, allow all, for the whole server': {
    // What the locations say counts there.
    by: () => `sed -i 's/^    satisfy all;/    satisfy any; allow all;/' ${site}`,
    opens: false,
  },
  'another file of users': {
    by: () =>
      `{ cat /opt/berth/htpasswd; echo "${passwordOf('mallory', 'known')}"; } >/etc/nginx/users; sed -i 's|auth_basic_user_file .*;|auth_basic_user_file /etc/nginx/users;|' ${site}`,
    opens: false,
  },
  'a file of users without ours': {
    by: () =>
      `echo "${passwordOf('mallory', 'known')}" >/etc/nginx/users; sed -i 's|auth_basic_user_file .*;|auth_basic_user_file /etc/nginx/users;|' ${site}`,
    opens: false,
  },
  'a foreign name in the file of users': {
    by: () => `echo "${passwordOf('mallory', 'known')}" >>/opt/berth/htpasswd`,
    opens: false,
  },
  'a known password before a user’s own': {
    by: () => `sed -i "1i ${passwordOf('ci', 'known')}" /opt/berth/htpasswd`,
    opens: false,
  },
  'no file of users': { by: () => 'rm /opt/berth/htpasswd', opens: false },
  'return 200': { by: () => behind('server_tokens', 'return 200;'), opens: true },
  'return 200 for whoever brings a name': {
    by: () => behind('server_tokens', 'if ($remote_user) { return 200; }'),
    opens: true,
  },
  '/v2/ without a password': {
    by: () => behind('server_tokens', `location /v2/ { ${toSocket} }`),
    opens: true,
  },
  'everything below /v2/ without a password': {
    by: () => behind('server_tokens', `location ~ ^/v2/.+ { ${toSocket} }`),
    opens: true,
  },
  'manifests and layers without a password': {
    by: () => behind('server_tokens', `location ~ /(manifests|blobs)/ { ${toSocket} }`),
    opens: true,
  },
  'pushing without a password': {
    by: () =>
      `sed -i 's/auth_basic "Registry"/auth_basic $realm/; 1i map $request_method $realm { default "Registry"; POST off; PATCH off; PUT off; }' ${site}`,
    opens: true,
  },
  'satisfy any, allow all for all sites': {
    by: () => file('/etc/nginx/conf.d/open.conf', 'satisfy any; allow all;'),
    opens: false,
  },
  'no password for any site': {
    by: () => file('/etc/nginx/conf.d/open.conf', 'auth_basic off;'),
    opens: false,
  },
  'a cache for all sites': {
    by: () =>
      file(
        '/etc/nginx/conf.d/cache.conf',
        'proxy_cache_path /var/cache/nginx-all keys_zone=all:1m; proxy_cache all; proxy_cache_valid any 10m;',
      ),
    opens: false,
  },
  'the site not enabled': { by: () => `rm /etc/nginx/sites-enabled/berth-${domain}.conf`, opens: false },
  'another site of the same name, read before': {
    by: () => file('/etc/nginx/sites-enabled/aaa', rival(domain)),
    opens: true,
    says: serves,
  },
  'another site in conf.d': {
    by: () => file('/etc/nginx/conf.d/aaa.conf', rival(domain)),
    opens: true,
    says: serves,
  },
  'another site, its name in capitals': {
    by: () => file('/etc/nginx/sites-enabled/aaa', rival(domain.toUpperCase())),
    opens: true,
    says: serves,
  },
  'another site, its name in quotes': {
    by: () => file('/etc/nginx/sites-enabled/aaa', rival(`"${domain}"`)),
    opens: true,
    says: serves,
  },
  'another site, its name with a dot before it': {
    by: () => file('/etc/nginx/sites-enabled/aaa', rival(`.${domain}`)),
    opens: true,
    says: serves,
  },
  'another site, included from elsewhere': {
    by: () =>
      `mkdir -p /etc/nginx/vhosts; ${file('/etc/nginx/vhosts/aaa.vhost', rival(domain))} sed -i 's|include /etc/nginx/conf.d|include /etc/nginx/vhosts/*;\\n&|' /etc/nginx/nginx.conf`,
    opens: true,
    says: serves,
  },
  'another site on port 80': {
    by: () =>
      file(
        '/etc/nginx/sites-enabled/aaa',
        `server { listen 80; server_name ${domain}; location / { ${toSocket} } }`,
      ),
    opens: false,
    says: serves,
  },
  'a default server on the address itself': {
    by: () =>
      file(
        '/etc/nginx/sites-enabled/aaa',
        own()
          .map(listen => rival('_', listen))
          .join('\n'),
      ),
    opens: true,
    says: taken,
  },
  'a default server on the IPv4 address only': {
    by: () => file('/etc/nginx/sites-enabled/aaa', rival('_', own()[0])),
    opens: true,
    says: taken,
  },
  'a default server on the IPv6 address only': {
    by: () => file('/etc/nginx/sites-enabled/aaa', rival('_', own()[1])),
    opens: true,
    says: taken,
  },
  'a cache before the site': {
    by: () => {
      const inside = `location / { proxy_cache front; proxy_cache_valid 200 10m; proxy_ssl_server_name on; proxy_ssl_name ${domain}; proxy_set_header Host $host; proxy_pass https://127.0.0.1; }`
      const sites = own().map(listen => rival('_', listen, inside))
      return file(
        '/etc/nginx/sites-enabled/aaa',
        ['proxy_cache_path /var/cache/nginx-front keys_zone=front:1m;', ...sites].join('\n'),
      )
    },
    opens: true,
    says: taken,
  },
}

const routes = ['/v2/', '/v2/_catalog', '/v2/team/app/manifests/1', '-X POST /v2/team/app/blobs/uploads/']
const strangers = ['', `ci:${randomBytes(9).toString('hex')}`, `nobody:${passwords.ci}`]

/** What strangers reach, as curl sees it; whoever has a password asks before them, for a cache may keep the answer. */
async function open(): Promise<string[]> {
  const ask = (user: string, family: number, route: string) => {
    const [path = '', ...how] = route.split(' ').reverse()
    return `curl -${family} -sk --max-time 10 -o /dev/null -w '%{http_code}' ${how.reverse().join(' ')} -K - https://${domain}${path} <<'END' || :\n${user && `user = "${user}"`}\nEND\necho " ${user.split(':')[0]} ${route}"`
  }
  const requests = [`ci:${passwords.ci}`, ...strangers].flatMap(user =>
    [4, 6].flatMap(family => routes.map(route => ask(user, family, route))),
  )
  const answers = await here.world.consumer.sh(requests.join('\n'))
  return answers
    .split('\n')
    .slice(2 * routes.length)
    .filter(line => /^2/.test(line))
}

const push = () => here.step({ mode: 'push', image: `${image} => team/app:1` })

describe.each(Object.entries(breaks))('%s', (_, { by, opens, says }) => {
  beforeAll(async () => {
    await here.server.sh(`${by()}\n${restart}`)
  })
  // As Berth left it, and nobody has guessed.
  afterAll(async () => {
    await here.server.sh(
      `rm -rf /etc/nginx && cp -a /root/nginx /etc/nginx && cp -a /root/htpasswd /opt/berth/htpasswd\n${restart}`,
    )
  })

  test('a push says so if strangers get in', async () => {
    // Before anybody has asked, for a cache would have kept an answer.
    const run = await push()
    expect((await open()).length > 0).toBe(opens)
    if (!opens) return
    expect(run.code).toBe(1)
    expect(run.errors.join('\n')).toMatch(unlocked)
  })

  test('`up` puts it right, or says what is in the way', async () => {
    const run = await here.step()
    if (says) {
      expect(run.code).toBe(1)
      expect(run.errors.join('\n')).toMatch(says)
      return
    }
    succeeded(run)
    expect(await open()).toEqual([])
    expect(await here.server.sh('cat /opt/berth/htpasswd')).not.toContain('mallory')
    succeeded(await push())
  })
})
