import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { order } from '../../../src/resources/certificate/certificate.ts'
import { renewal } from '../../../src/resources/renewal/renewal.ts'
import { line } from '../../../src/shell.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { conf, desired, domain, file, well } from '../lineage.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
  for (const folder of [
    'work',
    'etc/live',
    'etc/archive',
    'etc/renewal',
    'etc/accounts',
    'etc/berth/dns',
    'out',
  ])
    mkdirSync(programs.file(folder), { recursive: true })
})
afterEach(() => programs.remove())

const libraries = [
  'server/apply',
  'server/protocol',
  'server/facts',
  'resources/certificate/certificate',
  'resources/certificate/order',
  'resources/certificate/dns',
]

/** A rehearsal that goes well, and was seen after 7 s. */
const rehearsed = 'echo 21 >"$4/wait"; echo 7 >"$4/seen"'

/** Lines on a server whose folders are the test’s. `python` is the rehearsal: its arguments are FILE DOMAIN FOLDER. */
function run(lines: string, { python = rehearsed, certbot = ':' } = {}) {
  programs.add('python3', `printf '%s\\n' "$@" >"$here/out/rehearsed"; set -- - "$@"\n${python}`)
  programs.add('certbot', `printf '%s\\n' "$@" >"$here/out/args"; env >"$here/out/env"\n${certbot}`)
  return sh(
    libraries,
    `PATH=${process.env.PATH}
here='${programs.folder}' name=${domain} LETSENCRYPT='${programs.folder}/etc' LOG='${programs.folder}/log' WEBROOT='${programs.folder}/www'
order_workplace() { work=$here/work; aside=$LETSENCRYPT/berth/$name.aside; token=; trap 'dns_undo' EXIT; }
order_challenge() { echo 'port 80 was asked for'; }
order_reachable() { echo 'port 80 was asked for'; }
certificate_serve() { :; }
renewal_dropin() { echo "$here/dropin"; }
systemctl() { :; }
put() { printf '%s' "$3" >"$1"; chmod "$2" "$1"; }
sleep() { :; }
exec 3>&1
set -e
${lines}`,
  )
}

const credential = () => programs.file(`etc/berth/dns/${domain}`)
const seen = (name: string) => readFileSync(programs.file(`out/${name}`), 'utf8')
const acme = (name: string, credentials: string | undefined) => ({
  ...desired.acme,
  eab: undefined,
  dns: { name, credentials },
})
const ordered = (name: string, credentials?: string, lineage: string = domain) =>
  line(
    order(
      { domain, acme: acme(name, credentials) },
      { name: lineage, ipv6: false, webroot: undefined, named: [], peers: [] },
    ),
  )

describe('an order', () => {
  test('is rehearsed, and waits as long as was measured; the credential is root’s, and on no command line', () => {
    const { code, stdout } = run(ordered('cloudflare', 'token = SECRET\n'))
    expect(code).toBe(0)
    expect(stdout).toContain('showed it after 7 s; certbot will wait 21 s')
    expect(stdout).not.toContain('port 80')
    expect(seen('rehearsed').split('\n')).toEqual(
      expect.arrayContaining([domain, 'dns-cloudflare', '--dns-cloudflare-propagation-seconds', '0']),
    )
    expect(seen('args').split('\n')).toEqual(
      expect.arrayContaining(['dns-cloudflare', '--dns-cloudflare-credentials', credential(), '21']),
    )
    expect(readFileSync(credential(), 'utf8')).toBe('token = SECRET\n')
    expect(statSync(credential()).mode & 0o777).toBe(0o600)
    expect(seen('rehearsed') + seen('args')).not.toContain('SECRET')
  })

  test('by a script that can be run, which sets and clears', () => {
    run(ordered('hook', '#!/bin/sh\n'))
    expect(statSync(credential()).mode & 0o777).toBe(0o700)
    const args = seen('args')
    expect(args).toContain(`\n--manual-auth-hook\n${credential()} set && sleep 21\n`)
    expect(args).toContain(`\n--manual-cleanup-hook\n${credential()} clear\n`)
    expect(seen('rehearsed')).toContain(`${credential()}.new set || echo $? >`)
  })

  test('with Amazon’s own settings, which have no option', () => {
    run(ordered('route53', '[default]\n'))
    expect(seen('args')).not.toMatch(/--dns/)
    expect(seen('env')).toContain(`AWS_SHARED_CREDENTIALS_FILE=${credential()}\n`)
  })

  test('without a credential leaves none', () => {
    writeFileSync(credential(), 'old')
    run(ordered('route53'))
    expect(existsSync(credential())).toBe(false)
    expect(seen('env')).not.toContain('AWS_CONFIG_FILE')
  })
})

describe.each([
  ['a rehearsal', { python: 'echo "rehearsal: provider"; exit 1' }],
  ['an order', { certbot: 'echo no; exit 1' }],
])('%s that fails', (what, programsOf) => {
  test('leaves the credential that was there', () => {
    writeFileSync(credential(), 'old')
    expect(run(ordered('cloudflare', 'new'), programsOf).code).toBe(1)
    expect(readFileSync(credential(), 'utf8')).toBe('old')
    expect(existsSync(programs.file('out/args'))).toBe(what === 'an order')
  })

  test('leaves none where there was none', () => {
    run(ordered('cloudflare', 'new'), programsOf)
    for (const end of ['', '.new', '.old']) expect(existsSync(`${credential()}${end}`)).toBe(false)
  })
})

test('to another provider: settings and credential change, and nothing is ordered', () => {
  const want = { ...desired, acme: acme('rfc2136', 'key') }
  const steps = renewal.steps(want, {
    hook: undefined,
    ca: undefined,
    care: undefined,
    trust: undefined,
    timer: true,
    settings: [],
    lineage: { ...well, conf: file(conf) },
  })
  const step = steps.find(({ call: [name] }) => name === 'dns_renew')
  expect(step?.changes.map(({ summary }) => summary)).toEqual(['renew by DNS (rfc2136)'])
  expect(run(line(step?.call ?? ['false'])).code).toBe(0)
  expect(existsSync(programs.file('out/args'))).toBe(false)
  const changed = readFileSync(programs.file(`etc/renewal/${domain}.conf`), 'utf8')
  expect(changed).toContain('\nauthenticator = dns-rfc2136\ndns_rfc2136_propagation_seconds = 21\n')
  expect(changed).not.toMatch(/webroot|@/)
})

describe('a lineage of Berth’s own, beside one that has other domains', () => {
  const apart = `berth-${domain}`

  test('is what is ordered, renewed by DNS, and left alone by the timer when the credential goes', () => {
    const usual = programs.file(`etc/renewal/${domain}.conf`)
    const own = programs.file(`etc/renewal/${apart}.conf`)
    writeFileSync(usual, conf)
    run(ordered('cloudflare', 'x', apart))
    expect(seen('args')).toContain(`\n--cert-name\n${apart}\n--domain\n${domain}\n`)

    const want = { ...desired, acme: acme('rfc2136', 'key') }
    const lineage = { ...well, name: apart, conf: file(conf) }
    const timer = { hook: undefined, ca: undefined, care: undefined, trust: undefined, timer: true }
    const steps = renewal.steps(want, { ...timer, settings: [], lineage })
    const step = steps.find(({ call: [name] }) => name === 'dns_renew')
    run(line(step?.call ?? ['false']))
    expect(readFileSync(own, 'utf8')).toContain('\nauthenticator = dns-rfc2136\n')

    const [forgotten] =
      renewal.removal?.(want, { ...timer, settings: [], lineage: { ...lineage, credential: 'x' } }) ?? []
    run(line(forgotten?.call ?? ['false']))
    expect(readFileSync(own, 'utf8')).toContain('\nautorenew = False\n')
    expect(readFileSync(usual, 'utf8')).toBe(conf)
  })
})

test('what certbot is told for all certificates reaches neither the rehearsal nor the order', () => {
  writeFileSync(
    programs.file('etc/cli.ini'),
    'preferred-challenges = http\npre-hook = systemctl stop nginx\n',
  )
  run(ordered('cloudflare', 'x'))
  for (const name of ['rehearsed', 'args']) {
    expect(seen(name)).toContain('\n--preferred-challenges\ndns\n')
    expect(seen(name)).toContain('\n--pre-hook\n\n--post-hook\n\n')
  }
})

test('when the credential goes, certbot does not try to renew with it', () => {
  const name = programs.file(`etc/renewal/${domain}.conf`)
  writeFileSync(credential(), 'x')
  writeFileSync(name, conf.replace('authenticator = webroot', 'authenticator = dns-rfc2136'))
  run(`dns_forget ${domain} ${domain}`)
  expect(existsSync(credential())).toBe(false)
  expect(readFileSync(name, 'utf8')).toContain('[renewalparams]\nautorenew = False\n')
  writeFileSync(name, conf)
  run(`dns_forget ${domain} ${domain}`)
  expect(readFileSync(name, 'utf8')).toBe(conf)
})
