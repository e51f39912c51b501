import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { Desired } from '../../../src/desired.ts'
import { certificate, due, type Lineage } from '../../../src/resources/certificate/certificate.ts'
import { renewable } from '../../../src/resources/renewal/conf.ts'
import { renewal } from '../../../src/resources/renewal/renewal.ts'

const domain = 'registry.example.com'
const server = 'https://acme.example.com/dir'
const day = 24 * 60 * 60 * 1000

const desired = {
  domain,
  directory: '/opt/berth',
  acme: { server, email: undefined, ca: undefined, eab: { kid: 'kid', hmac: 'hmac' } },
  certificate: undefined,
  renewBefore: 30,
} as unknown as Desired

function selfSigned(name: string, days: number): string {
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    '/dev/null',
  ]
  return execFileSync(
    'openssl',
    [...args, '-days', `${days}`, '-subj', '/', '-addext', `subjectAltName=DNS:${name}`],
    {
      stdio: 'pipe',
    },
  ).toString()
}

const leaf = new X509Certificate(selfSigned(domain, 90))

const conf = `version = 4.0.0
archive_dir = /etc/letsencrypt/archive/${domain}
cert = /etc/letsencrypt/live/${domain}/cert.pem
privkey = /etc/letsencrypt/live/${domain}/privkey.pem
chain = /etc/letsencrypt/live/${domain}/chain.pem
fullchain = /etc/letsencrypt/live/${domain}/fullchain.pem

# Options used in the renewal process
[renewalparams]
account = 0123456789abcdef
authenticator = webroot
webroot_path = /var/www/berth,
server = ${server}
key_type = ecdsa
[[webroot_map]]
${domain} = /var/www/berth
`

const file = (content: string) => ({ content, mode: '644', owner: 'root:root' })

const well: Lineage = {
  state: 'whole',
  leaf,
  conf: file(conf),
  contact: undefined,
  own: 'absent',
  served: leaf,
  ipv6: true,
  addresses: ['192.0.2.7'],
  clock: 'right',
}

const summaries = (steps: ReturnType<typeof certificate.steps>) =>
  steps.flatMap(({ changes, call: [name] }) =>
    changes.map(({ action, summary }) => `${action} ${summary} (${name})`),
  )

describe('certificate', () => {
  const plan = (seen: Partial<Lineage>, want: Partial<Desired> = {}) =>
    summaries(certificate.steps({ ...desired, ...want }, { ...well, ...seen }))

  test('a whole one is left alone', () => expect(plan({})).toEqual([]))

  test('none at all is ordered, with all that the order needs', () => {
    expect(plan({ state: 'lost', leaf: undefined })).toEqual([
      `create order for ${domain} (certificate_order)`,
    ])
    const [step] = certificate.steps(desired, { ...well, state: 'lost', leaf: undefined })
    expect(step?.call.slice(1, 5)).toEqual([domain, server, '- kid hmac', ''])
    expect(step?.call.at(-1)).toContain(`server_name ${domain};`)
  })

  test('what certbot’s archive still has is restored, not ordered', () => {
    expect(plan({ state: '7' })).toEqual([
      'update restore the live folder from certbot’s archive (certificate_restore)',
    ])
  })

  test('your own is stored once, by its checksum, and the plan does not show the key', () => {
    const own = { chain: leaf.toString(), key: 'KEY' }
    expect(plan({}, { certificate: own })).toEqual([
      `create store your own certificate for ${domain} (certificate_bring)`,
    ])
    const sum = createHash('sha256').update(`${own.chain}KEY`).digest('hex')
    expect(
      plan({ own: `600 root:root ${sum}`, state: 'lost', leaf: undefined }, { certificate: own }),
    ).toEqual([])
    expect(plan({ own: `644 root:root ${sum}` }, { certificate: own })[0]).toMatch(/^update replace your own/)
  })

  test('a clock that is off is in the way', () => {
    expect(certificate.failures?.(desired, { ...well, clock: '2027-11-23' })).toEqual([
      expect.objectContaining({ topic: 'clock', message: expect.stringContaining('clock shows 2027-11-23') }),
    ])
    expect(certificate.failures?.(desired, well)).toEqual([])
  })
})

describe('renewal', () => {
  const settled = renewal.steps(desired, {
    hook: undefined,
    ca: undefined,
    care: undefined,
    trust: undefined,
    timer: false,
    lineage: well,
  })
  const argument = (name: string) => settled.find(({ call }) => call[0] === name)?.call[1] ?? ''
  const good = {
    hook: { ...file(argument('renewal_hook')), mode: '755' },
    ca: undefined,
    care: file(argument('renewal_care')),
    trust: undefined,
    timer: true,
  }
  const plan = (seen: Partial<Lineage>, want: Partial<Desired> = {}) =>
    summaries(renewal.steps({ ...desired, ...want }, { ...good, lineage: { ...well, ...seen } }))
  const acme = (more: Partial<Desired['acme']>) => ({ acme: { ...desired.acme, ...more } })

  test('hook, service and timer are set up, and then left alone', () => {
    expect(settled.map(({ call: [name] }) => name)).toEqual(['renewal_hook', 'renewal_care', 'renewal_timer'])
    expect(plan({})).toEqual([])
  })

  test('another authority, another name, no settings, expired: ordered anew', () => {
    expect(plan({}, acme({ server: 'https://other/dir' }))).toEqual([
      `update order from https://other/dir, because it came from ${server} (certificate_order)`,
    ])
    expect(plan({ leaf: new X509Certificate(selfSigned('other.example.com', 90)) })[0]).toMatch(
      /does not cover/,
    )
    expect(plan({ conf: undefined })[0]).toMatch(/certbot has lost the settings/)
  })

  test('one that is due is renewed, and a failure is survived', () => {
    const aged: X509Certificate = Object.create(leaf, {
      validFromDate: { value: new Date(Date.now() - 80 * day) },
      validToDate: { value: new Date(Date.now() + 10 * day) },
      checkHost: { value: () => domain },
    })
    const seen = { leaf: aged }
    expect(plan(seen)).toEqual([
      expect.stringMatching(/^update renew, because it is only valid until .* \(renewal_order\)$/),
    ])
  })

  test('a new address is told to the authority, and none at all is no wish', () => {
    const seen = { contact: file(`${server} old@example.com\n`) }
    expect(plan(seen, acme({ email: 'new@example.com' }))).toEqual([
      'update tell the authority your address, new@example.com (certificate_contact)',
    ])
    expect(plan(seen, acme({ email: 'old@example.com' }))).toEqual([])
    expect(plan(seen)).toEqual([])
  })

  test('another certificate served than the one on disk is a reload', () => {
    expect(plan({ served: new X509Certificate(selfSigned(domain, 90)) })).toEqual([
      'update reload nginx, which serves another certificate than the one on disk (certificate_serve)',
    ])
    expect(plan({ served: undefined })).toEqual([])
  })

  test('the private authority comes and goes', () => {
    expect(plan({}, acme({ ca: 'PEM\n' }))).toEqual([
      'create trust the private certificate authority (renewal_trust)',
    ])
    const gone = renewal.steps(desired, { ...good, ca: file('PEM\n'), lineage: well })
    expect(summaries(gone)).toEqual(['delete trust in the private certificate authority (renewal_distrust)'])
  })
})

describe('renewable', () => {
  test('settings of Berth’s are left alone, byte for byte', () => expect(renewable(conf, domain)).toBe(conf))

  test('a certificate that was set up standalone is renewed through nginx from now on', () => {
    const standalone = conf
      .replace(
        'authenticator = webroot\nwebroot_path = /var/www/berth,',
        'authenticator = standalone\npre_hook = systemctl stop nginx\nautorenew = False',
      )
      .replace(/\[\[webroot_map\]\][\s\S]*/, '')
    const changed = renewable(standalone, domain) ?? ''
    expect(changed).not.toMatch(/standalone|pre_hook|autorenew/)
    expect(changed).toContain('account = 0123456789abcdef')
    expect(changed).toContain(`[[webroot_map]]\n${domain} = /var/www/berth\n`)
    expect(renewable(changed, domain)).toBe(changed)
  })

  test('half of the settings are none', () => {
    expect(renewable(conf.replace(/^account = .*$/m, ''), domain)).toBeUndefined()
    expect(renewable(conf.slice(0, 60), domain)).toBeUndefined()
  })
})

describe('due', () => {
  const lives = (from: number, to: number) => ({
    validFromDate: new Date(from * day),
    validToDate: new Date(to * day),
  })

  test.each([
    ['90 days, 31 left', 0, 90, 59, false],
    ['90 days, 29 left', 0, 90, 61, true],
    ['45 days, 29 left: not in its last third', 0, 45, 16, false],
    ['45 days, 14 left', 0, 45, 31, true],
    ['6 days, 3 left', 0, 6, 3, false],
    ['6 days, 1 left', 0, 6, 5, true],
    ['expired', 0, 90, 91, true],
  ])('%s', (_, from, to, now, expected) => {
    expect(due(lives(from, to), 30, now * day)).toBe(expected)
  })
})
