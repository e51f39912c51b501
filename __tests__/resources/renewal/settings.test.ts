import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  hindering,
  preventing,
  readSettings,
  settingsFailure,
} from '../../../src/resources/renewal/settings.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { desired, domain, server, well } from '../lineage.ts'

const ini = '/etc/letsencrypt/cli.ini'
const byDns = (name: string, credentials: string | undefined = 'x') => ({
  domain,
  acme: { ...desired.acme, dns: { name, credentials } },
})
const found = (line: string, dns?: string) =>
  hindering(readSettings(`${ini} ${line};`), dns === undefined ? desired : byDns(dns), well).map(
    ({ name }) => name,
  )

test.each([
  ['authenticator standalone', ['authenticator']],
  ['authenticator webroot', []],
  ['standalone true', ['standalone']],
  ['standalone false', []],
  ['dns-cloudflare true', ['dns-cloudflare']],
  ['preferred-challenges dns', ['preferred-challenges']],
  ['preferred-challenges dns,http-01', []],
  ['staging true', ['staging']],
  ['dry-run yes', ['dry-run']],
  [`server ${server}`, []],
  ['server https://other.example.com/dir', ['server']],
  ['webroot-path /var/www/html', ['webroot-path']],
  ['webroot-path /var/www/berth', []],
  ['webroot-map other.example.com:/var/www/html', ['webroot-map']],
  ['config-dir /opt/certbot', ['config-dir']],
  ['cert-name other.example.com', ['cert-name']],
  [`cert-name ${domain}`, []],
  ['csr /root/csr.pem', ['csr']],
  ['account fedcba9876543210', ['account']],
  ['account 0123456789abcdef', []],
  ['manual-auth-hook script', []],
  ['dns-cloudflare-credentials /root/cloudflare.ini', []],
  ['refused nonsense', ['refused']],
  ['pre-hook nginx', ['pre-hook']],
  ['hook nginx', ['hook']],
])('%s', (line, expected) => expect(found(line)).toEqual(expected))

test.each([
  ['authenticator webroot', 'cloudflare', ['authenticator']],
  ['authenticator dns-cloudflare', 'cloudflare', []],
  ['authenticator dns-cloudflare', 'rfc2136', ['authenticator']],
  ['authenticator manual', 'hook', []],
  ['dns-cloudflare true', 'cloudflare', []],
  ['dns-cloudflare true', 'hook', ['dns-cloudflare']],
  ['manual true', 'hook', []],
  ['manual-auth-hook script', 'hook', ['manual-auth-hook']],
  ['manual-cleanup-hook script', 'hook', ['manual-cleanup-hook']],
  ['manual-auth-hook script', 'cloudflare', []],
  ['dns-cloudflare-credentials /root/cloudflare.ini', 'cloudflare', ['dns-cloudflare-credentials']],
  [`dns-cloudflare-credentials /etc/letsencrypt/berth/dns/${domain}`, 'cloudflare', []],
  ['dns-cloudflare-credentials /root/cloudflare.ini', 'rfc2136', []],
  ['dns-cloudflare-propagation-seconds 1', 'cloudflare', []],
  ['webroot-map other.example.com:/var/www/html', 'hook', []],
  ['preferred-challenges http', 'hook', ['preferred-challenges']],
  ['preferred-challenges dns-01', 'hook', []],
  ['webroot-path /var/www/html', 'hook', []],
  ['pre-hook nginx', 'hook', ['pre-hook']],
])('%s, by DNS with %s', (line, dns, expected) => expect(found(line, dns)).toEqual(expected))

test('a credential that is certbot’s own for all certificates is used if Berth is given none', () => {
  const settings = readSettings(`${ini} dns-cloudflare-credentials /root/cloudflare.ini;`)
  expect(
    hindering(
      settings,
      {
        ...byDns('cloudflare'),
        acme: { ...desired.acme, dns: { name: 'cloudflare', credentials: undefined } },
      },
      well,
    ),
  ).toEqual([])
})

test('by DNS, the sentence does not speak of nginx’s part in it', () => {
  const [staging] = readSettings(`${ini} staging true;`)
  expect(settingsFailure(staging ? [staging] : [], byDns('hook'))?.message).toMatch(
    /can’t renew the certificate by DNS, because `staging/,
  )
})

test.each([
  ['nonsense', 'certbot on the server does not take `nonsense` in /etc/letsencrypt/cli.ini, so it neither'],
  ['-', 'certbot on the server does not take all of /etc/letsencrypt/cli.ini, so it neither'],
])('what certbot does not take (%s) is said alone, for nothing else matters', (option, words) => {
  const settings = hindering(
    readSettings(`${ini} authenticator standalone;${ini} refused ${option};`),
    desired,
    well,
  )
  expect(settingsFailure(settings, desired)?.message).toContain(words)
  expect(preventing(settings)).toHaveLength(1)
})

test('a script of all certificates’ is named, and not what it is called with', () => {
  const settings = readSettings(`${ini} manual-auth-hook script;`)
  expect(settingsFailure(settings, byDns('hook'))?.message).toContain(
    'because `manual-auth-hook` is in /etc/letsencrypt/cli.ini',
  )
})

test('all are named in one sentence, with their files', () => {
  const settings = hindering(
    readSettings(
      `${ini} staging true;${ini} pre-hook nginx;/etc/letsencrypt/renewal-hooks/pre/stop hook nginx;`,
    ),
    desired,
    well,
  )
  expect(settingsFailure(settings, desired)).toMatchObject({
    topic: 'renewal',
    message:
      'the server’s certbot can’t renew the certificate through nginx, because `staging = true` is in /etc/letsencrypt/cli.ini, and `pre-hook` in /etc/letsencrypt/cli.ini stops nginx, and /etc/letsencrypt/renewal-hooks/pre/stop stops nginx, for every certificate of the server; move that to the settings of the certificates that need it, in /etc/letsencrypt/renewal',
  })
  expect(preventing(settings).map(({ name }) => name)).toEqual(['staging'])
  expect(settingsFailure([], desired)).toBeUndefined()
})

describe('what the server tells', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  /** `says` is certbot’s word on its settings. */
  const look = (cli: string, hook?: string, says = '') => {
    programs.add('certbot', `echo "$*" >>$here/asked; printf '${says}' >&2`)
    const etc = programs.file('etc/letsencrypt')
    mkdirSync(`${etc}/renewal-hooks/pre`, { recursive: true })
    writeFileSync(`${etc}/cli.ini`, cli)
    if (hook !== undefined) writeFileSync(`${etc}/renewal-hooks/pre/it`, hook)
    return sh(
      ['server/protocol', 'server/facts', 'resources/renewal/renewal'],
      `PATH=${programs.folder}:$PATH\nmktemp() { command mktemp -d; }\nCERTBOT=${etc}\nrenewal_settings`,
    ).stdout.replaceAll(etc, '')
  }

  test.each([
    [
      'what Debian has there',
      'max-log-backups = 0\n# authenticator = standalone\npreconfigured-renewal = True\n',
      '',
    ],
    [
      'a setting in any spelling',
      '  authenticator=standalone \n--staging: true\n',
      '/cli.ini authenticator standalone;/cli.ini staging true;',
    ],
    [
      'no secret',
      'eab-hmac-key = c2VjcmV0\npre-hook = stop nginx --password x\n',
      '/cli.ini pre-hook nginx;',
    ],
    ['no hook that leaves nginx alone', 'pre-hook = logger nginx\n', ''],
    [
      'that there is a script, and not what it is called with',
      'manual-auth-hook = /root/set --token=s3cret\n',
      '/cli.ini manual-auth-hook script;',
    ],
    [
      'a credential’s file',
      'dns-cloudflare-credentials = /root/cloudflare.ini\n',
      '/cli.ini dns-cloudflare-credentials /root/cloudflare.ini;',
    ],
  ])('%s', (_, cli, expected) => expect(look(cli)).toBe(expected))

  test.each([
    ['unrecognized arguments: --nonsense=s3cret', 'nonsense'],
    ['ambiguous option: --no=s3cret could match --non-interactive, --no-uir', 'no'],
    ['argument --max-log-backups: value must be an integer', 'max-log-backups'],
    ['argument -w/--webroot-path: expected one argument', 'w'],
    ['something else', '-'],
  ])('what certbot does not take: %s', (words, option) => {
    const said = `usage:\\n  certbot [SUBCOMMAND] [options] [-d DOMAIN]\\ncertbot: error: ${words}\\n`
    expect(look('email = ops@example.com\n', undefined, said)).toBe(`/cli.ini refused ${option};`)
  })

  test('certbot, which takes a second, is not asked of the settings that it came with', () => {
    look('# Because we are using logrotate\n\nmax-log-backups = 0\npreconfigured-renewal = True\n')
    expect(existsSync(programs.file('asked'))).toBe(false)
    look('email = ops@example.com\n')
    expect(readFileSync(programs.file('asked'), 'utf8')).toMatch(/^plugins --non-interactive --config-dir/)
  })

  test.each([
    ['stops nginx', 'systemctl stop nginx\n', '/renewal-hooks/pre/it hook nginx;'],
    ['only says so', '# systemctl stop nginx\n', ''],
    ['does something else', 'systemctl stop haproxy\n', ''],
  ])('a file of hooks that %s', (_, text, expected) => expect(look('', `#!/bin/sh\n${text}`)).toBe(expected))
})
