import { createHash } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Desired } from '../../../src/desired.ts'
import { certificate, due, type Lineage } from '../../../src/resources/certificate/certificate.ts'
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

  test('of your own certificate, its checksum and who can read it', () => {
    writeFileSync(programs.file('tls.pem'), 'CHAIN KEY', { mode: 0o600 })
    const sum = createHash('sha256').update('CHAIN KEY').digest('hex')
    expect(look(`certificate_own ${programs.file('tls.pem')}`)).toMatch(
      new RegExp(`^600 \\S+:\\S+ ${sum}\n$`),
    )
    expect(look(`certificate_own ${programs.file('gone')}`)).toBe('absent\n')
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
