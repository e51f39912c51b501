import { createHash } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Desired } from '../../../src/desired.ts'
import {
  certificate,
  due,
  type Lineage,
  readLineage,
} from '../../../src/resources/certificate/certificate.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'
import { selfSigned } from '../../pem.ts'
import { Programs } from '../../programs.ts'
import { desired, domain, leaf, server, well } from '../lineage.ts'

const day = 24 * 60 * 60 * 1000

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
    expect(step?.call.slice(1, 3)).toEqual([`${domain} ${domain} ${server} - kid hmac -`, ''])
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

describe('whose certificate it is', () => {
  const file = (content: string) => `644 root:root ${Buffer.from(content).toString('base64')}`
  const own = `berth-${domain}`
  const read = (facts: Record<string, string>) =>
    readLineage(
      Facts.of({
        'certificate.lineage': 'lost',
        'certificate.chain': 'absent',
        'certificate.conf': 'absent',
        'certificate.apart.lineage': 'lost',
        'certificate.apart.chain': 'absent',
        'certificate.apart.conf': 'absent',
        'certificate.webroots': '',
        'site.named': '',
        'site.peers': '',
        'certificate.contact': 'absent',
        'certificate.own': 'absent',
        'certificate.dns': 'absent',
        'certificate.served': '',
        'certificate.ipv6': 'no',
        'certificate.addresses': '',
        'certificate.clock': 'right',
        ...facts,
      }),
      domain,
    )
  const usual = (...names: string[]) => ({
    'certificate.lineage': 'whole',
    'certificate.chain': file(selfSigned(names.join(',DNS:')).cert),
  })
  const map = (...names: string[]) =>
    file(`[renewalparams]\n[[webroot_map]]\n${names.map(each => `${each} = /var/www/html`).join('\n')}\n`)

  test.each([
    ['none yet', {}, domain],
    ['one for this domain alone', usual(domain), domain],
    ['one that has another domain too', usual(domain, 'shop.example.com'), own],
    ['one that has only others', usual('shop.example.com'), own],
    ['a wildcard', usual('*.example.com'), own],
    ['a lost one that had another domain', { 'certificate.conf': map(domain, 'shop.example.com') }, own],
    ['a lost one for this domain alone', { 'certificate.conf': map(domain) }, domain],
    [
      'Berth’s own, which stays when the other is gone',
      { 'certificate.apart.lineage': 'whole', 'certificate.apart.chain': file(selfSigned(domain).cert) },
      own,
    ],
  ])('%s', (_, facts, name) => expect(read(facts).name).toBe(name))

  test.each([
    ['of nobody else', `${domain} /var/www/berth;`, undefined],
    ['of a certificate that is to become Berth’s', `${domain} /var/www/html;`, undefined],
    ['of another one', `${domain} /var/www/berth;shop.example.com /var/www/shop;`, '/var/www/shop'],
    ['that nginx would not take as it is', 'shop.example.com /var/www/{shop};', undefined],
  ])('the folder of challenges %s', (_, webroots, expected) =>
    expect(read({ ...usual(domain), 'certificate.webroots': webroots }).webroot).toBe(expected),
  )
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

describe('what the server looks at', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  const libraries = ['server/protocol', 'server/facts', 'resources/certificate/certificate']
  const look = (lines: string) =>
    sh(libraries, `PATH=${process.env.PATH}\nLETSENCRYPT=${programs.folder}\n${lines}`).stdout

  const kinds = ['cert', 'chain', 'fullchain', 'privkey']

  /** A version in certbot’s archive; its key belongs to its certificate, unless another one is given. */
  function archive(version: number, key?: string): void {
    const folder = join(programs.folder, 'archive', domain)
    mkdirSync(folder, { recursive: true })
    const made = selfSigned(domain)
    for (const kind of kinds)
      writeFileSync(join(folder, `${kind}${version}.pem`), kind === 'privkey' ? (key ?? made.key) : made.cert)
  }
  function link(version: number, links = kinds): void {
    const folder = join(programs.folder, 'live', domain)
    mkdirSync(folder, { recursive: true })
    for (const kind of links)
      symlinkSync(`../../archive/${domain}/${kind}${version}.pem`, join(folder, `${kind}.pem`))
  }
  const lineage = () => look(`certificate_lineage ${domain}`).trim()

  test('nothing is lost', () => expect(lineage()).toBe('lost'))

  test('links to a pair are whole', () => {
    archive(1)
    link(1)
    expect(lineage()).toBe('whole')
  })

  test('links that are half made are made again from the archive', () => {
    archive(9)
    archive(10)
    link(10, ['cert', 'chain'])
    expect(lineage()).toBe('10')
  })

  test('a key that is another one’s is no pair', () => {
    archive(1)
    archive(2, selfSigned('other').key)
    link(2)
    expect(lineage()).toBe('1')
  })

  test('who finds the challenge for the domain where, by certbot’s settings', () => {
    mkdirSync(programs.file('renewal'))
    const conf = (name: string, ...lines: string[]) =>
      writeFileSync(programs.file(`renewal/${name}.conf`), `${lines.join('\n')}\n`)
    expect(look(`certificate_webroots ${domain}`)).toBe('')
    conf('shop', 'server = x', '[[webroot_map]]', 'shop.test = /var/www/a', `${domain} = /var/www/shop`)
    conf('other', '[[webroot_map]]', `x${domain} = /var/www/x`, 'other.test = /var/www/b')
    conf(domain, '[[webroot_map]]', `${domain} = /var/www/berth`, '[[more]]', `${domain} = /no`)
    expect(look(`certificate_webroots ${domain}`)).toBe(`${domain} /var/www/berth;shop /var/www/shop;`)
  })

  test('of your own certificate, its checksum and who can read it', () => {
    writeFileSync(programs.file('tls.pem'), 'CHAIN KEY', { mode: 0o600 })
    const sum = createHash('sha256').update('CHAIN KEY').digest('hex')
    expect(look(`certificate_own ${programs.file('tls.pem')}`)).toMatch(
      new RegExp(`^600 \\S+:\\S+ ${sum}\n$`),
    )
    expect(look(`certificate_own ${programs.file('gone')}`)).toBe('absent\n')
  })

  test('of a credential for DNS the same, and that a killed run has left another', () => {
    const credential = programs.file('credential')
    expect(look(`certificate_credential ${credential}`)).toBe('absent\n')
    writeFileSync(credential, 'SECRET', { mode: 0o600 })
    expect(look(`certificate_credential ${credential}`)).toMatch(/^600 \S+ [0-9a-f]{64}\n$/)
    writeFileSync(`${credential}.new`, 'SECRET')
    expect(look(`certificate_credential ${credential}`)).toBe('unfinished\n')
  })

  test.each([
    ['is right', 0, /^right$/],
    ['is half a day off', 43_200, /^right$/],
    ['is two days fast', -172_800, /^\d{4}-\d\d-\d\d$/],
    ['is two days slow', 172_800, /^\d{4}-\d\d-\d\d$/],
  ])('a clock that %s', (_, off, expected) => {
    expect(look(`certificate_clock ${Math.floor(Date.now() / 1000) + off}`).trim()).toMatch(expected)
  })

  test('the addresses, without those of containers', () => {
    const lines = [
      '2: eth0    inet 192.0.2.7/24 scope global',
      '3: docker0    inet 172.17.0.1/16 scope global',
      '4: br-1    inet 172.18.0.1/16 scope global',
      '2: eth0    inet6 2001:db8::7/64 scope global',
    ]
    expect(look(`ip() { printf '%s\\n' '${lines.join("' '")}'; }\ncertificate_addresses`).trim()).toBe(
      '192.0.2.7 2001:db8::7',
    )
  })
})
