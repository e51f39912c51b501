import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  type Acme,
  acme,
  createRunner,
  createServer,
  key,
  type Names,
  names,
  password,
  type Runner,
  runStep,
  type Server,
  type StepRun,
  tsig,
  type World,
  world,
} from '../../lab/index.ts'
import { commands } from './page.ts'

jest.setTimeout(600_000)

const id = randomBytes(2).toString('hex')
const zone = `lan-${id}.berth.test`
const token = `cf-${randomBytes(20).toString('hex')}`
const suites = ['bookworm', 'trixie'] as const

const challenge = (name: string) => `_acme-challenge.${name}`
const domainOf = (suite: string) => `registry-${suite}.${zone}`
const key1 = Object.fromEntries(suites.map(suite => [suite, tsig(`name ${challenge(domainOf(suite))}. TXT`)]))
const key2 = tsig(suites.map(suite => `name ${challenge(domainOf(suite))}. TXT`)[1] ?? '')
const elsewhere = tsig(`name ${challenge(`other.${zone}`)}. TXT`)
const sixth = tsig(`name ${challenge(`six.${zone}`)}. TXT`)

let lab: World
let nameServer: Names
let authority: Acme

beforeAll(async () => {
  lab = await world()
  nameServer = await names({
    name: `names-${id}`,
    zone,
    keys: { ...key1, second: key2, elsewhere, six: sixth },
    token,
  })
  authority = await acme({ name: `bydns-${id}`, dns: nameServer.server })
  await nameServer.pose(authority)
})
afterAll(async () => {
  await authority?.remove()
  await nameServer?.remove()
})

describe.each(suites)('on %s, with ports 80 and 443 shut to all but the runner', suite => {
  const domain = domainOf(suite)
  const image = `dns-${id}-${suite}`
  let server: Server
  /** On Debian 13, the only way to the server’s sshd. */
  let jump: Server | undefined
  let inputs: Record<string, string>
  const runs: StepRun[] = []

  beforeAll(async () => {
    server = await createServer({ suite, aliases: [domain] })
    await shut(server, lab)
    if (suite === 'trixie') {
      jump = await createServer()
      await server.sh(
        `iptables -I INPUT -p tcp --dport 22 ! -s ${jump.address.v4} -j DROP; ip6tables -I INPUT -p tcp --dport 22 ! -s ${jump.address.v6} -j DROP`,
      )
    }
    await nameServer.serve(server)
    await server.sh(`echo '${nameServer.address.v4} api.cloudflare.com' >>/etc/hosts`)
    await nameServer.update(`add ${domain} 5 A ${server.address.v4}`)
    await lab.runner.sh(
      `cd $(mktemp -d) && echo ${id} >file && printf 'FROM scratch\\nCOPY file /\\n' >Dockerfile && DOCKER_BUILDKIT=0 docker build --quiet --tag ${image} .`,
      { user: 'runner' },
    )
    inputs = {
      domain,
      'ssh-host': server.domain,
      'ssh-key': (await key()).private,
      'ssh-known-hosts': server.knownHosts + (jump?.knownHosts ?? ''),
      'ssh-jump': jump ? `root@${jump.domain}` : '',
      users: `ci:${password()}`,
      'acme-server': authority.directory,
      ca: authority.trust,
    }
  })
  afterAll(async () => {
    await server?.remove()
    await jump?.remove()
  })

  async function step(more: Record<string, string> = {}): Promise<StepRun> {
    const run = await runStep(lab.runner, { ...inputs, ...more })
    runs.push(run)
    return run
  }
  const good = async (more: Record<string, string> = {}) => {
    const run = await step(more)
    if (run.code !== 0) throw new Error(run.log)
    return run
  }
  const changes = (run: StepRun) =>
    JSON.parse(run.outputs.plan ?? '[]').map(
      (each: { resource: string; summary: string }) => `${each.resource}: ${each.summary}`,
    )
  const orders = (from = authority) => from.validations(domain)
  const file = `/etc/letsencrypt/berth/dns/${domain}`
  const conf = () => server.read(`/etc/letsencrypt/renewal/${domain}.conf`)
  const fingerprint = () => onDisk(server, domain)
  const round = () => rounds(server, domain)
  const narrow = (name: string = suite, by = key1[name] ?? elsewhere) => ({
    'acme-dns': 'rfc2136',
    'acme-dns-credentials': rfc2136(nameServer.address.v4, name, by),
  })
  const cloudflare = (given = token) => ({
    'acme-dns': 'cloudflare',
    'acme-dns-credentials': `dns_cloudflare_api_token = ${given}`,
  })
  const desec = (given = token) => ({
    'acme-dns': 'desec',
    'acme-dns-credentials': `dns_desec_token = ${given}\ndns_desec_endpoint = http://${nameServer.domain}/api/v1`,
  })
  const hook = { 'acme-dns': 'hook', 'acme-dns-credentials': '' }

  test('a provider that the distribution has no plugin for is told, with those that it has, and nothing is touched', async () => {
    await server.sh('apt-get update -q')
    const run = await step({
      'acme-dns': 'hetzner',
      'acme-dns-credentials': 'dns_hetzner_api_token = 123456',
    })
    expect(run.errors).toEqual([
      expect.stringMatching(
        /^the server’s distribution has no certbot plugin for hetzner, only for cloudflare, .*rfc2136.*; use `acme-dns: hook`/,
      ),
    ])
    expect(run.outputs.changed).not.toBe('true')
  })

  test('no order is spent on a key that may write elsewhere only, or on one that the name server does not know', async () => {
    for (const name of ['elsewhere', 'nobody']) {
      const run = await step(narrow(name))
      expect(run.errors).toEqual([
        expect.stringContaining(
          `nothing was ordered: rfc2136 refuses \`acme-dns-credentials\`, or it may not write ${challenge(domain)}`,
        ),
      ])
    }
    expect(await orders()).toBe(0)
    expect((await server.run(`ls ${file} ${file}.new`)).code).not.toBe(0)
  })

  test('a key for one name is enough: all of `up`, and a push', async () => {
    // Where the way is narrowest, the image goes through it too.
    const run = await good({ ...narrow(), image, ...(jump && { 'push-through': 'ssh' }) })
    expect(run.log.includes('images go through SSH')).toBe(jump !== undefined)
    expect(changes(run)).toContain(`certificate: order for ${domain}, by DNS (rfc2136)`)
    expect(run.log).toMatch(
      /points to \S+.*, which only your own network can reach; with `acme-dns` that is fine/,
    )
    expect(run.outputs.images).toMatch(new RegExp(`^${domain}/${image}@sha256:`))
    expect(await orders()).toBe(1)
    expect(await server.sh(`stat -c '%a %U:%G' ${file}`)).toBe('600 root:root')
    expect(await server.sh(`stat -c '%a' ${file.replace(/\/[^/]*$/, '')}`)).toBe('700')
    // What was set is cleared.
    expect(await nameServer.sh(`dig +short @127.0.0.1 ${challenge(domain)} TXT`)).toBe('')
    expect((await good(narrow())).outputs.changed).toBe('false')
  })

  test('the server’s own timer renews it', round)

  if (suite === 'trixie')
    test('another key takes the place of the first, and nothing is ordered', async () => {
      const count = await orders()
      const run = await good(narrow('second', key2))
      expect(changes(run)).toEqual(['renewal: replace the credential for DNS (rfc2136)'])
      expect(await server.sh(`cat ${file}`)).toContain(key2.secret)
      const bad = await step(narrow('elsewhere'))
      expect(bad.code).toBe(1)
      expect(await server.sh(`cat ${file}`)).toContain(key2.secret)
      expect(await orders()).toBe(count)
    })

  if (suite === 'trixie')
    test('where the name servers can’t be asked, nobody looks, and certbot waits a minute', async () => {
      await nameServer.update(
        `add far.${zone} 5 A 192.0.2.1`,
        `add ${zone} 5 NS far.${zone}.`,
        `delete ${zone} NS ns.${zone}.`,
      )
      const run = await good(narrow())
      expect(run.log).toContain('can’t ask the name servers')
      expect(await conf()).toContain('dns_rfc2136_propagation_seconds = 60')
      await nameServer.update(`add ${zone} 5 NS ns.${zone}.`, `delete ${zone} NS far.${zone}.`)
    })

  test('to Cloudflare, as its stand-in has it: wrong token, too many requests, then without an order', async () => {
    const count = await orders()
    expect((await step(cloudflare(`no-${randomBytes(20).toString('hex')}`))).errors).toEqual([
      expect.stringContaining('cloudflare refuses `acme-dns-credentials`'),
    ])
    await nameServer.sh('echo limited >/run/providers')
    expect((await step(cloudflare())).errors).toEqual([
      expect.stringContaining('cloudflare accepts no more requests for now; run again in a few minutes'),
    ])
    await nameServer.sh('rm /run/providers')
    const run = await good(cloudflare())
    expect(changes(run)).toContain('renewal: renew by DNS (cloudflare)')
    expect(await orders()).toBe(count)
    expect((await good(cloudflare())).outputs.changed).toBe('false')
    await round()
  })

  if (suite === 'trixie')
    test('to deSEC, as its stand-in has it: wrong token, then without an order', async () => {
      const count = await orders()
      expect((await step(desec(`no-${token}`))).errors).toEqual([
        expect.stringContaining('desec refuses `acme-dns-credentials`'),
      ])
      expect(changes(await good(desec()))).toContain('renewal: renew by DNS (desec)')
      expect(await orders()).toBe(count)
      expect(await nameServer.sh(`dig +short @127.0.0.1 ${challenge(domain)} TXT`)).toBe('')
      await round()
    })

  test('a CNAME is in the way of a plugin; a script sets the record where it leads', async () => {
    const count = await orders()
    await nameServer.update(`add ${challenge(domain)} 5 CNAME d420c923.${zone}.`)
    expect((await step(narrow())).errors).toEqual([
      expect.stringContaining(
        `${challenge(domain)} is a CNAME to d420c923.${zone}, which certbot’s plugin for rfc2136 does not follow; remove the CNAME, or use \`acme-dns: hook\``,
      ),
    ])
    const failing = { ...hook, 'acme-dns-credentials': '#!/bin/sh\necho "no way" >&2\nexit 7' }
    expect((await step(failing)).errors).toEqual([
      expect.stringMatching(
        /your script ended with 7 when it should have set _acme-challenge\..* \(“no way”\)/,
      ),
    ])
    const [script = ''] = commands('certificates.md', 'By DNS', domain)
    hook['acme-dns-credentials'] = script
      .replace('https://auth.acme-dns.io', `http://${nameServer.domain}`)
      .replace('SUBDOMAIN', 'd420c923')
      .replace('USERNAME', 'user')
      .replace('PASSWORD', token)
    const run = await good(hook)
    expect(changes(run)).toContain('renewal: renew by DNS (hook)')
    expect(await server.sh(`stat -c '%a %U:%G' ${file}`)).toBe('700 root:root')
    expect(await orders()).toBe(count)
    expect((await good(hook)).outputs.changed).toBe('false')
    await round()
  })

  test('another authority gives another certificate, by DNS too', async () => {
    const other = await acme({ name: `other-${id}-${suite}`, dns: nameServer.server })
    try {
      const before = await fingerprint()
      const elsewhere = { ...hook, 'acme-server': other.directory, ca: authority.trust + other.trust }
      await good(elsewhere)
      expect(await fingerprint()).not.toBe(before)
      expect(await orders(other)).toBe(1)
      expect((await good(elsewhere)).outputs.changed).toBe('false')
      await good(hook)
    } finally {
      await other.remove()
    }
  })

  test('to port 80 and back: the certificate stays, and is renewed as wanted', async () => {
    await open(server)
    const [before, count] = [await fingerprint(), await orders()]
    const there = await good()
    expect(changes(there)).toEqual([
      'renewal: renew through nginx’s port 80, without stopping it',
      'renewal: the credential for DNS',
    ])
    expect((await server.run(`ls ${file}`)).code).not.toBe(0)
    expect(await conf()).not.toMatch(/^(dns|manual|pref_challs)/m)
    expect((await good()).outputs.changed).toBe('false')
    expect([await fingerprint(), await orders()]).toEqual([before, count])
    await round()

    await shut(server, lab)
    await nameServer.update(`delete ${challenge(domain)} CNAME`)
    const back = await good(narrow())
    expect(changes(back)).toEqual(['renewal: renew by DNS (rfc2136)'])
    expect((await good(narrow())).outputs.changed).toBe('false')
    await round()
  })

  test('taken down, the credential is gone and the certificate stays; set up again, it is renewed', async () => {
    const run = await good({ ...narrow(), mode: 'down' })
    expect(changes(run)).toContain('renewal: the credential for DNS')
    expect((await server.run(`ls ${file}`)).code).not.toBe(0)
    const [before, count] = [await fingerprint(), await orders()]
    // What certbot can't renew any more it does not try to, even if it is due.
    await server.sh(`sed -i '1i renew_before_expiry = 300 days' /etc/letsencrypt/renewal/${domain}.conf
      systemctl start certbot.service
      sed -i '/^renew_before_expiry/d' /etc/letsencrypt/renewal/${domain}.conf`)
    expect([await fingerprint(), await orders()]).toEqual([before, count])

    const again = await good(narrow())
    expect(changes(again)).toContain('renewal: renew by DNS (rfc2136)')
    expect([await fingerprint(), await orders()]).toEqual([before, count])
    await round()
  })

  test('no run ever showed a secret, nor is one where others may read it', async () => {
    expect(runs.length).toBeGreaterThan(10)
    const secrets = [token, ...Object.values(key1).map(({ secret }) => secret), key2.secret, elsewhere.secret]
    for (const { raw, summary, outputs } of runs) {
      const shown = raw.replaceAll(/::add-mask::.*\n/g, '') + summary + JSON.stringify(outputs)
      for (const secret of secrets) expect(shown).not.toContain(secret)
    }
    const where = await server.sh(
      `grep -rlF -e '${secrets.join("' -e '")}' /etc /run /tmp /var/log /opt /var/lib/letsencrypt 2>/dev/null || :`,
    )
    expect(where).toBe(file)
  })
})

describe('an IPv6-only server', () => {
  const domain = `six.${zone}`
  let server: Server
  let runner: Runner
  let inputs: Record<string, string>

  beforeAll(async () => {
    server = await createServer()
    // The lab's mirror has IPv4 only.
    await server.sh(
      'apt-get update -q && apt-get install -qy --no-install-recommends python3-certbot-dns-rfc2136',
    )
    runner = await createRunner()
    await nameServer.update(`add ${domain} 5 AAAA ${server.address.v6}`)
    for (const machine of [server, runner])
      await machine.sh(`echo 'nameserver ${nameServer.address.v6}' >/etc/resolv.conf`)
    await server.sh('ip -4 addr flush dev eth0')
    inputs = {
      domain,
      'ssh-key': (await key()).private,
      'ssh-known-hosts': server.knownHosts.replaceAll(server.domain, domain),
      users: `ci:${password()}`,
      'acme-server': authority.directory,
      ca: authority.trust,
    }
  })
  afterAll(async () => {
    await server?.remove()
    await runner?.remove()
  })

  test('is validated on port 80, and by DNS from then on', async () => {
    const run = await runStep(runner, inputs)
    expect(run.errors).toEqual([])
    expect(run.outputs.registry).toBe(domain)
    const dns = {
      'acme-dns': 'rfc2136',
      'acme-dns-credentials': rfc2136(nameServer.address.v6, 'six', sixth),
    }
    const changed = await runStep(runner, { ...inputs, ...dns })
    expect(changed.errors).toEqual([])
    await rounds(server, domain)
    expect((await runStep(runner, { ...inputs, ...dns })).outputs.changed).toBe('false')
  })
})

function rfc2136(server: string, name: string, { secret }: ReturnType<typeof tsig>): string {
  return `dns_rfc2136_server = ${server}
dns_rfc2136_name = ${name}
dns_rfc2136_secret = ${secret}
dns_rfc2136_algorithm = HMAC-SHA512`
}

const x509 = 'openssl x509 -noout -fingerprint -sha256'
const onDisk = (server: Server, domain: string) =>
  server.sh(`${x509} -in /etc/letsencrypt/live/${domain}/cert.pem`)

/** A round of the timer, to which the certificate is due. */
async function rounds(server: Server, domain: string): Promise<void> {
  const before = await onDisk(server, domain)
  await server.sh(`sed -i '1i renew_before_expiry = 300 days' /etc/letsencrypt/renewal/${domain}.conf
    systemctl start certbot.service || { journalctl -u certbot -n 30 --no-pager >&2; exit 1; }
    sed -i '/^renew_before_expiry/d' /etc/letsencrypt/renewal/${domain}.conf`)
  const after = await onDisk(server, domain)
  expect(after).not.toBe(before)
  const served = await server.sh(
    `openssl s_client -connect 127.0.0.1:443 -servername ${domain} </dev/null 2>/dev/null | ${x509}`,
  )
  expect(served).toBe(after)
}

/** Drops what comes to the web ports, but from the runner and from the server itself. */
async function shut(server: Server, { runner }: World): Promise<void> {
  await server.sh(`
    for each in iptables:${runner.address.v4} ip6tables:${runner.address.v6}; do
      \${each%%:*} -I INPUT -p tcp -m multiport --dports 80,443 -j DROP
      \${each%%:*} -I INPUT -p tcp -m multiport --dports 80,443 -s \${each#*:} -j ACCEPT
      \${each%%:*} -I INPUT -i lo -j ACCEPT
    done`)
}

async function open(server: Server): Promise<void> {
  await server.sh('iptables -F INPUT; ip6tables -F INPUT')
}
