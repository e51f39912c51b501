import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createServer, type GitHub, github, type Server, until } from '../../lab/index.ts'
import { underLoad } from './load.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(180_000)

let here: Registry
let site: string

beforeAll(async () => {
  here = await registry()
  site = `/etc/nginx/sites-available/berth-${here.server.domain}.conf`
})
afterAll(() => here?.server.remove())

const summaries = (plan: string | undefined) =>
  (JSON.parse(plan ?? '[]') as { resource: string; action: string; summary: string }[]).map(
    ({ resource, action }) => `${action} ${resource}`,
  )

/**
 * Every file with its time, size, mode and owner, but for what a login itself leaves and containerd’s own database, which
 * it writes when it likes; containers; services.
 */
const snapshot = (server: Server = here.server) =>
  server.sh(`
find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/lib/docker -o -name meta.db -o -path /var/log/journal \\
  -o -name wtmp -o -name lastlog -o -name 'wtmp.db*' -o -name 'lastlog2.db*' -o -path /var/log/auth.log -o -path '/var/log/nginx/*.log' \\) -prune -o -printf '%p %s %T@ %m %u:%g\\n' | sort
docker ps --all --format '{{.ID}} {{.Names}} {{.State}} {{.CreatedAt}}'
docker inspect --format '{{.State.StartedAt}}' $(docker ps --all --quiet) 2>/dev/null
docker images --format '{{.ID}}'
systemctl show --property ActiveEnterTimestamp,MainPID nginx docker
systemctl list-unit-files --state enabled --no-legend`)

describe('mode plan', () => {
  test('on a fresh server says all that up would do, and writes nothing', async () => {
    const before = await snapshot()
    const run = succeeded(await here.step({ mode: 'plan' }))
    expect(await snapshot()).toBe(before)
    expect(run.outputs.changed).toBe('true')
    expect(summaries(run.outputs.plan)).toEqual(
      expect.arrayContaining(['create users', 'create registry', 'create certificate', 'create site']),
    )
    expect(run.log).toContain('+ users: add ci')
    expect(run.log).toContain(`+    server_name ${here.server.domain};`)
  })

  test('says what up then does', async () => {
    const planned = summaries((await here.step({ mode: 'plan' })).outputs.plan)
    const done = succeeded(await here.step())
    expect(summaries(done.outputs.plan)).toEqual(planned)
    const again = succeeded(await here.step({ mode: 'plan' }))
    expect(again.outputs.changed).toBe('false')
    expect(again.outputs.plan).toBe('[]')
  })

  test('shows no hash and no credential in its differences', async () => {
    const hash = (await here.server.sh('cat /opt/berth/htpasswd')).split(':')[1] ?? 'none'
    const config = (secret: string) => `storage:\n  s3:\n    secretkey: ${secret}\n    bucket: images\n`
    const file = await here.server.sh('echo /opt/berth/generations/*/config.yml')
    await here.server.sh(`cp -p ${file} /root/config.yml`)
    await here.server.write(file, config('an-older-secret'), '600')
    const run = await here.step({
      mode: 'plan',
      users: `ci:another-${passwords.ci}`,
      'registry-config': config('a-newer-secret'),
    })
    await here.server.sh(`mv /root/config.yml ${file}`)
    expect(run.raw).toContain('secretkey: [not shown]')
    expect(run.log).not.toMatch(/an-older-secret|a-newer-secret/)
    expect(run.log).not.toContain(hash)
    expect(run.log).toContain('- users: revoke alice')
  })
})

test('mode plan writes nothing on a server without any package, nor on one that has drifted', async () => {
  const empty = await createServer({ ready: false })
  try {
    const before = await snapshot(empty)
    const run = succeeded(
      await here.step({ mode: 'plan', domain: empty.domain, 'ssh-known-hosts': empty.knownHosts }),
    )
    expect(summaries(run.outputs.plan)).toContain('create packages')
    expect(await snapshot(empty)).toBe(before)
  } finally {
    await empty.remove()
  }
  await here.server.sh(
    `echo '# by hand' >>${site}; chmod 644 /opt/berth/htpasswd; docker stop $(docker ps -q)`,
  )
  const before = await snapshot()
  const run = succeeded(await here.step({ mode: 'plan' }))
  expect(new Set(summaries(run.outputs.plan))).toEqual(
    new Set(['update users', 'update registry', 'update site']),
  )
  expect(await snapshot()).toBe(before)
  succeeded(await here.step())
})

describe('mode plan on a pull request', () => {
  const token = 'ghs_canary0123456789'
  let hub: GitHub
  beforeAll(async () => {
    hub = await github(token)
  })
  afterAll(() => hub?.close())

  const plan = (inputs: Record<string, string> = {}, payload: Record<string, unknown> = { number: 7 }) =>
    here.step(
      { mode: 'plan', 'github-token': token, ...inputs },
      {
        event: { name: 'pull_request', ref: 'refs/pull/7/merge', payload },
        env: { GITHUB_API_URL: hub.api },
      },
    )

  test('keeps one comment up to date, and leaves it alone while it says the same', async () => {
    const changed = succeeded(await plan({ 'registry-config': 'log: { level: warn }' }))
    expect(changed.log).toContain('wrote the plan into a comment on pull request #7')
    expect(hub.comments).toMatchObject([{ issue: 7 }])
    const [comment] = hub.comments
    expect(comment?.body).toMatch(/\n~ registry: \/opt\/berth\/generations\/[0-9a-f]{8}\/config\.yml\n/)
    expect(comment?.body).toMatch(/^-.*\n\+ {2}level: warn$/m)

    succeeded(await plan({ 'registry-config': 'log: { level: warn }' }))
    expect(hub.writes).toHaveLength(1)

    const clean = succeeded(await plan())
    expect(clean.log).toContain('updated the comment on pull request #7')
    expect(hub.comments).toHaveLength(1)
    expect(comment?.body).toContain(here.server.domain)
    expect(comment?.body).toContain('nothing to do')
    expect(comment?.body).not.toContain('level: warn')
    expect(clean.raw.replaceAll(/::add-mask::.*\n/g, '')).not.toContain(token)
  })

  test('says in it why there is no plan any more', async () => {
    const run = await plan({ 'ssh-port': '2' })
    expect(run.code).toBe(1)
    expect(hub.comments).toMatchObject([{ body: expect.stringContaining('nothing listens for SSH at') }])
  })

  test('only warns, and names the permission, where the token may not write', async () => {
    hub.readOnly = true
    try {
      const run = succeeded(await plan())
      expect(run.annotations.map(({ level, message }) => `${level}: ${message}`)).toEqual([
        expect.stringMatching(/^warning: .*Resource not accessible by integration.*`pull-requests: write`/),
      ])
      expect(run.outputs.plan).toBe('[]')
    } finally {
      hub.readOnly = false
    }
  })

  test('writes no comment where there is no pull request', async () => {
    const count = hub.writes.length
    succeeded(await plan({}, {}))
    expect(hub.writes).toHaveLength(count)
  })
})

/** Waits until the generations that have been replaced are gone. */
const retired = () =>
  until(
    'the old container is gone',
    60,
    async () => (await here.server.sh('docker ps --all --quiet | wc -l')) === '1',
  )

describe('drift', () => {
  /** Lines of one snapshot that the other hasn't got. */
  const difference = (one: string, other: string): string[] => {
    const lines = [one.split('\n'), other.split('\n')] as const
    return [
      ...lines[0].filter(line => !lines[1].includes(line)),
      ...lines[1].filter(line => !lines[0].includes(line)),
    ]
  }

  /** What a repair may leave different from before the drift, besides lines in the site's own log. */
  const belongs: Record<string, RegExp> = {
    site: /^\/etc\/(nginx\/sites-|rc\d\.d |systemd\/system\/multi-user\.target\.wants)|^(MainPID|ActiveEnterTimestamp)=/,
    // A container's line begins with its id, the time when it was started with the year.
    registry:
      /^\/opt\/berth(\/(generations|run|registry\.sock|domain)\S*)? |^\/var\/lib\/containerd\/|^[0-9a-f]{12} berth-|^20\d\d-/,
    users: /^\/opt\/berth(\/htpasswd)? /,
    renewal: /^\/etc\/systemd\/system\/timers\.target\.wants/,
  }

  const cases: [name: string, change: string, resource: string, good: string][] = [
    ['an edited site', 'echo "# by hand" >>"$site"', 'site', '! grep -q "by hand" "$site"'],
    [
      'a site that is not enabled',
      'rm /etc/nginx/sites-enabled/berth-*',
      'site',
      'test -e /etc/nginx/sites-enabled/berth-*',
    ],
    ['a deleted container', 'docker rm -f $(docker ps -q)', 'registry', 'docker ps | grep -q berth-'],
    ['a stopped container', 'docker stop $(docker ps -q)', 'registry', 'docker ps | grep -q berth-'],
    [
      'a container that would not restart',
      'docker update --restart no $(docker ps -q)',
      'registry',
      'docker inspect $(docker ps -q) | grep -q \'"Name": "always"\'',
    ],
    [
      'an edited start script',
      'sed -i "s/--network none/--network host/" /opt/berth/generations/*/start',
      'registry',
      '! grep -q "network host" /opt/berth/generations/*/start',
    ],
    [
      'an edited config.yml',
      'echo "redis: {}" >>$(echo /opt/berth/generations/*/config.yml)',
      'registry',
      '! grep -q redis /opt/berth/generations/*/config.yml',
    ],
    [
      'a readable config.yml',
      'chmod 644 /opt/berth/generations/*/config.yml',
      'registry',
      'test $(stat -c %a /opt/berth/generations/*/config.yml) = 600',
    ],
    [
      'a config.yml that the registry can’t read',
      'chown root:root /opt/berth/generations/*/config.yml; id=$(docker ps -q); docker restart $id; until [ $(docker inspect -f "{{.RestartCount}}" $id) -gt 6 ]; do sleep 0.1; done',
      'registry',
      'curl -sf --unix-socket /opt/berth/registry.sock http://registry/',
    ],
    [
      'a readable htpasswd',
      'chmod 644 /opt/berth/htpasswd',
      'users',
      'test $(stat -c %a /opt/berth/htpasswd) = 640',
    ],
    ['nginx stopped', 'systemctl stop nginx', 'site', 'systemctl is-active nginx'],
    ['nginx disabled', 'systemctl disable nginx', 'site', 'systemctl is-enabled nginx'],
    [
      'the timer disabled',
      'systemctl disable --now certbot.timer',
      'renewal',
      'systemctl is-active certbot.timer',
    ],
  ]

  test.each(cases)(
    '%s is seen and repaired, and nothing else is touched',
    async (_, change, resource, good) => {
      const script = (text: string) => `site=${site}; ${text}`
      const before = await snapshot()
      await here.server.sh(script(change))
      try {
        const planned = succeeded(await here.step({ mode: 'plan' }))
        const changes: { resource: string; summary: string }[] = JSON.parse(planned.outputs.plan ?? '[]')
        const others = changes.filter(each => each.resource !== resource)
        expect({ others, some: changes.length > 0 }).toEqual({ others: [], some: true })
      } finally {
        succeeded(await here.step())
      }
      await here.server.sh(script(good))
      await retired()
      expect(await here.server.sh('ls /opt/berth/generations | wc -l')).toBe('1')
      expect(
        difference(before, await snapshot()).filter(
          line => !belongs[resource]?.test(line) && !line.startsWith(`/var/log/nginx/${here.server.domain}.`),
        ),
      ).toEqual([])
    },
  )

  test('leaves nothing to do once it is repaired', async () => {
    expect((await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
  })
})

describe('requests', () => {
  const cases: [name: string, change: string, inputs: Record<string, string>][] = [
    ['nothing to do', 'true', {}],
    ['an edited site', 'echo "# by hand" >>"$site"', {}],
    ['another user', 'true', { users: `ci:${passwords.ci}\nbob:${passwords.bob}` }],
    ['rights', 'true', { access: "'*': push" }],
    ['the timer disabled', 'systemctl disable --now certbot.timer', {}],
    ['a readable config.yml', 'chmod 644 /opt/berth/generations/*/config.yml', {}],
  ]

  test.each(cases)('none fails while `up` works: %s', async (_, change, inputs) => {
    await here.server.sh(`site=${site}; ${change}`)
    const url = `https://${here.server.domain}/v2/`
    const { answers } = await underLoad(here.world.runner, url, `ci:${passwords.ci}`, async () =>
      succeeded(await here.step(inputs)),
    )
    expect(Object.keys(answers)).toEqual(['200'])
    expect(answers['200']).toBeGreaterThan(20)
  })
})

describe('rollback', () => {
  const shellless = `shellless-${randomBytes(3).toString('hex')}`
  beforeAll(() =>
    here.world.runner.sh(
      `cd $(mktemp -d) && echo >f && printf 'FROM scratch\\nCOPY f /\\n' >Dockerfile && docker build -q -t ${shellless} . &&
        skopeo copy -q --dest-tls-verify=false docker-daemon:${shellless}:latest docker://${here.world.hub.domain}:5000/library/${shellless}:1 && docker rmi ${shellless}`,
      { user: 'runner' },
    ),
  )

  test('a site that nginx refuses: the old one serves, and the message has the real error', async () => {
    // Another site has claimed a name that Berth's site needs too, and nginx finds out only with both of them.
    await here.server.sh(`
sed -i /ssl_session_cache/d ${site}
echo 'ssl_session_cache shared:berth:2m;' >/etc/nginx/conf.d/clash.conf
nginx -t -q && systemctl reload nginx`)
    const before = await here.server.sh(`sha256sum ${site}`)
    const url = `https://${here.server.domain}/v2/`
    let errors: string[] = []
    const { answers } = await underLoad(here.world.runner, url, `ci:${passwords.ci}`, async () => {
      errors = (await here.step()).errors
    })
    expect(errors).toEqual([
      expect.stringMatching(/^site \(.*\) failed; the server said:[\s\S]*shared memory zone "berth"/),
    ])
    expect(Object.keys(answers)).toEqual(['200'])
    expect(await here.server.sh(`sha256sum ${site}`)).toBe(before)
    await here.server.sh('nginx -t -q && rm /etc/nginx/conf.d/clash.conf && systemctl reload nginx')
    succeeded(await here.step())
    expect((await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
  })

  const cases: [name: string, inputs: Record<string, string>, message: RegExp][] = [
    ['an image that can’t be pulled', { 'registry-image': 'registry:9.9.9' }, /registry:9\.9\.9/],
    [
      'a config.yml that the registry refuses',
      { 'registry-config': 'storage: { nonsense: {} }' },
      /exactly one storage type/,
    ],
    [
      'an image without a shell',
      { 'registry-image': `${shellless}:1` },
      /has no \/bin\/sh, which opens the registry’s socket to nginx; use an image of registry 2\.8 or 3\.x/,
    ],
    [
      'a container that is no registry',
      { 'registry-image': 'busybox:latest' },
      /container|exec|not found|healthy/,
    ],
  ]
  test.each(cases)(
    '%s: the old registry serves, and the message has the real error',
    async (_, inputs, message) => {
      const run = await here.step(inputs)
      expect(run.code).toBe(1)
      expect(run.errors.join('\n')).toMatch(message)
      expect((await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
      const up = succeeded(await here.step())
      expect(up.outputs.changed).toBe('false')
    },
  )

  test('a first registry that does not start leaves the certificate for the run that mends it', async () => {
    const fresh = await registry()
    try {
      const run = await fresh.step({ 'registry-config': 'storage: { nonsense: {} }' })
      expect(run.errors).toEqual([
        expect.stringMatching(/^registry \(.*\) failed: .*does not start[\s\S]*exactly one storage type/),
      ])
      const chain = `cat /etc/letsencrypt/live/${fresh.server.domain}/fullchain.pem`
      const ordered = await fresh.server.sh(chain)
      const mended = succeeded(await fresh.step())
      expect(mended.outputs.plan).not.toContain('order')
      expect(await fresh.server.sh(chain)).toBe(ordered)
    } finally {
      await fresh.server.remove()
    }
  })

  test('a site of somebody else that nginx refuses is named before anything changes', async () => {
    await retired()
    await here.server.write('/etc/nginx/sites-enabled/shop', 'server { listen 80; nonsense on; }\n')
    try {
      const before = await snapshot()
      const run = await here.step({ users: `ci:${passwords.ci}` })
      expect(run.code).toBe(1)
      expect(run.errors.join('\n')).toContain('/etc/nginx/sites-enabled/shop')
      expect(await snapshot()).toBe(before)
    } finally {
      await here.server.sh('rm /etc/nginx/sites-enabled/shop')
    }
  })
})

test('a second run waits for the first, says so, and both end right', async () => {
  const [one, two] = await Promise.all([
    here.step({ users: `ci:${passwords.ci}\nbob:${passwords.bob}`, 'registry-image': 'registry:2.8.3' }),
    here.step({ users: `ci:${passwords.ci}\nbob:${passwords.bob}`, 'registry-image': 'registry:2.8.3' }),
  ])
  succeeded(one)
  succeeded(two)
  expect((await here.server.sh('grep -v ^# /opt/berth/htpasswd | cut -d : -f 1')).split('\n')).toEqual([
    'ci',
    'bob',
  ])
})

test('the lock of a run that was killed is free', async () => {
  await here.server.sh('exec 9>>/run/berth.lock; flock -n 9; sleep 600 & echo $! >/run/holder; disown')
  const waiting = here.step(
    { users: `ci:${passwords.ci}` },
    {
      onLine: line => {
        if (line.includes('waiting for another run')) void here.server.sh('kill -9 $(cat /run/holder)')
      },
    },
  )
  const run = succeeded(await waiting)
  expect(run.log).toContain('waiting for another run of Berth on this server')
})

describe('mode down', () => {
  test('takes container, site and hook away and keeps data, users and certificate', async () => {
    const run = succeeded(await here.step({ mode: 'down' }))
    expect(run.outputs.changed).toBe('true')
    expect(
      await here.server.sh(
        'docker ps -aq; ls /etc/letsencrypt/renewal-hooks/deploy; ls /etc/nginx/sites-enabled',
      ),
    ).toBe('default')
    await here.server.sh(
      `test -d /opt/berth/data && test -s /opt/berth/htpasswd && test -d /etc/letsencrypt/live/${here.server.domain}`,
    )
    expect((await here.step({ mode: 'down' })).outputs.changed).toBe('false')
  })

  test('and up brings it all back, with the same certificate and users', async () => {
    const before = await here.server.sh(
      `cat /opt/berth/htpasswd /etc/letsencrypt/live/${here.server.domain}/fullchain.pem`,
    )
    succeeded(await here.step({ users: `ci:${passwords.ci}` }))
    expect(
      await here.server.sh(
        `cat /opt/berth/htpasswd /etc/letsencrypt/live/${here.server.domain}/fullchain.pem`,
      ),
    ).toBe(before)
  })

  test('deletes the data only when purge is the domain', async () => {
    const refused = await here.step({ mode: 'down', purge: 'another.example.com' })
    expect(refused.errors.join()).toContain(`purge: must be the domain, ${here.server.domain}`)
    succeeded(await here.step({ mode: 'down', purge: here.server.domain }))
    expect((await here.server.run('test -e /opt/berth')).code).toBe(1)
  })
})
