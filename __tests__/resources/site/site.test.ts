import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { site } from '../../../src/resources/site/site.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { recorded } from '../../recorded.ts'

const { desired, facts, output } = recorded('trixie', 'converged')
const { domain } = desired
const seen = site.read(facts, desired)
const file = `berth-${domain}.conf`
const plan = (changes: Partial<typeof seen>, wanted = desired) => site.steps(wanted, { ...seen, ...changes })
const summaries = (changes: Partial<typeof seen>) =>
  plan(changes).flatMap(step => step.changes.map(({ summary }) => summary))

test.each([
  ['nothing', {}, []],
  ['no file', { file: undefined }, [file]],
  ['not enabled', { enabled: false }, [`${file}: enable it`]],
  [
    'written, and nginx killed before its reload',
    { loaded: false },
    [`${file}: reload nginx, which has not taken it yet`],
  ],
  [
    'nginx stopped and disabled',
    { running: false, boot: false },
    [`${file}: start nginx, let nginx start with the machine`],
  ],
  [
    'writable by others',
    { file: seen.file && { ...seen.file, mode: '666' } },
    [`${file} from 666 root:root to 644 root:root`],
  ],
])('%s', (_, changes, expected) => {
  expect(summaries(changes)).toEqual(expected)
})

describe('failures', () => {
  const nginx = [
    { port: 80, holder: 'program nginx' },
    { port: 443, holder: 'program nginx' },
  ]
  test.each([
    ['nginx itself', nginx, '', false, false, []],
    [
      'Apache',
      [{ port: 80, holder: 'program apache2' }],
      '',
      false,
      false,
      ['port 80 is taken by program apache2, and nginx needs it; stop it or move it to another port'],
    ],
    [
      'a container',
      [{ port: 443, holder: 'container caddy' }],
      '',
      false,
      false,
      ['port 443 is taken by container caddy, and nginx needs it; stop it or move it to another port'],
    ],
    [
      'a site of the same name',
      nginx,
      '/etc/nginx/sites-enabled/reg',
      false,
      false,
      [
        `/etc/nginx/sites-enabled/reg serves ${domain} already; take it over with \`adopt: true\`, or remove it`,
      ],
    ],
    ['a site of the same name, to adopt', nginx, '/etc/nginx/sites-enabled/reg', false, true, []],
    [
      'a site of several names',
      nginx,
      '/etc/nginx/sites-enabled/all',
      true,
      true,
      [`/etc/nginx/sites-enabled/all serves ${domain} together with other names; move ${domain} out of it`],
    ],
  ])('%s', (_, holders, rival, shared, adopt, expected) => {
    expect(
      site
        .failures?.({ ...desired, adopt }, { ...seen, holders, rival, shared })
        ?.map(({ message }) => message),
    ).toEqual(expected)
  })
})

describe('neighbours in the same nginx', () => {
  const [address = ''] = facts.get('certificate.addresses').split(' ')
  const read = (text: string) =>
    site.read(Facts.parse(output.replace(/^(berth:site\.neighbours=).*$/m, `$1${text}`)), desired)
  const messages = (text: string, wanted = desired, rival = '') =>
    site.failures?.(wanted, { ...read(text), rival })?.map(({ message }) => message)

  test('one that is taken over is not in the way', () => {
    const adopt = { ...desired, adopt: true }
    expect(messages(`address ${address}:443 /etc/nginx/a;`, adopt, '/etc/nginx/a')).toEqual([])
    expect(messages(`address ${address}:443 /etc/nginx/b;`, adopt, '/etc/nginx/a')).toEqual([
      expect.stringContaining('in /etc/nginx/b gives all that comes to this address'),
    ])
  })

  test.each([
    ['registry.example.com', 64, []],
    [`${'a'.repeat(34)}.example.com`, 64, []],
    [`${'a'.repeat(35)}.example.com`, 64, ['server_names_hash_bucket_size 128;']],
    [`${'a'.repeat(35)}.example.com`, 128, []],
    [`${'a'.repeat(35)}.example.com`, undefined, []],
  ])('%s, with %s bytes for a name', (name, names, words) => {
    const messages = site.failures?.({ ...desired, domain: name }, { ...seen, names }) ?? []
    expect(messages.map(({ message }) => message)).toEqual(words.map(each => expect.stringContaining(each)))
  })

  test('a name that was too long only for an nginx that was not there before', () => {
    expect(
      site.explain?.(desired, 'nginx: [emerg] could not build server_names_hash, you should increase')
        ?.message,
    ).toContain('is too long for nginx as it is set')
  })

  test('an nginx that is not the service', () => {
    expect(site.failures?.(desired, { ...seen, running: false })?.[0]?.message).toContain(
      'an nginx that is not the service nginx.service uses port 80 or 443',
    )
    expect(site.failures?.(desired, { ...seen, running: false, holders: [] })).toEqual([])
  })

  test('no folder that nginx reads', () => {
    expect(site.failures?.(desired, { ...seen, included: false })?.[0]?.message).toContain('includes neither')
  })
})

describe('the file', () => {
  const conf = (nginx: string, ipv6 = true, wanted = desired) =>
    plan({ nginx, ipv6, file: undefined }, wanted)[0]?.call.find(argument => argument.includes('server {')) ??
    ''

  test.each([
    ['1.22.1', 'listen 443 ssl http2;', 'http2 on;'],
    ['1.25.0', 'listen 443 ssl http2;', 'http2 on;'],
    ['1.25.1', 'http2 on;', 'ssl http2;'],
    ['1.30.0', 'http2 on;', 'ssl http2;'],
  ])('nginx %s says HTTP/2 as %s', (version, there, not) => {
    expect(conf(version)).toContain(there)
    expect(conf(version)).not.toContain(not)
  })

  test('before nginx is there, the server gets every dialect and takes what fits', () => {
    const [step] = plan({ nginx: '', file: undefined })
    expect(step?.call.filter(argument => argument.includes('server {'))).toHaveLength(2)
  })

  test.each([true, false])('IPv6: %s', ipv6 => {
    expect(conf('1.26.3', ipv6).includes('listen [::]:443 ssl;')).toBe(ipv6)
    expect(conf('1.26.3', ipv6).includes('listen [::]:80;')).toBe(ipv6)
  })

  test('what Docker clients need', () => {
    const text = conf('1.26.3')
    for (const directive of [
      'client_max_body_size 0;',
      'proxy_request_buffering off;',
      'proxy_max_temp_file_size 0;',
      'proxy_http_version 1.1;',
      'proxy_set_header Host $http_host;',
      'proxy_set_header X-Forwarded-Proto $scheme;',
      'proxy_read_timeout 900s;',
      'server unix:/opt/berth/registry.sock;',
      'client_body_timeout 60s;',
      'location /.well-known/acme-challenge/ { root /var/www/berth; }',
      `return 301 https://${domain}$request_uri;`,
    ]) {
      expect(text).toContain(directive)
    }
  })

  const locked = conf('1.26.3')
  test.each([
    ['open', { ...desired, users: null }, false],
    [
      'with passwords of its own',
      { ...desired, registry: { ...desired.registry, config: { auth: { token: {} } } } },
      false,
    ],
    ['Berth’s', desired, true],
  ])('a registry that is %s: nginx asks for passwords and holds up guesses: %s', (_, wanted, asks) => {
    const text = conf('1.26.3', true, wanted)
    expect(text.includes('auth_basic_user_file /opt/berth/htpasswd;')).toBe(asks)
    expect(/limit_req zone=\w+_guesses/.test(text)).toBe(asks)
  })

  test('rules are looked at only behind the check of the password', () => {
    const access = new Map([['ci', { pull: ['**'], push: [] }]])
    const text = conf('1.26.3', true, { ...desired, access })
    const [, before = '', behind = ''] =
      /listen 443.*?location \/ \{(.*?)location @registry \{(.*?)\n {4}\}/s.exec(text) ?? []
    expect(before).toContain('auth_basic "Registry";')
    expect(before).not.toContain('_denied')
    expect(behind).toMatch(/if \(\$b\w{6}_denied\) \{ return 403 /)
    expect(behind).toContain('proxy_set_header Authorization "";')
  })

  test('ships no comment but who wrote it, so that no server changes with one', () => {
    expect(locked.match(/^\s*#.*$/gm)).toEqual(['# Written by Berth, which undoes changes made here.'])
  })
})

test.each([
  ['1.18.0', ['the server’s nginx is 1.18.0, and 1.19.4 is the oldest that works; update it']],
  ['1.22.1', []],
])('nginx %s', (nginx, expected) => {
  expect(site.failures?.(desired, { ...seen, nginx }).map(({ message }) => message)).toEqual(expected)
})

test('an nginx that did not take a reload is told by the address that it could not have', () => {
  const output = `nginx was told to reload but keeps its old configuration; its error log says:
2026/11/26 [emerg] 5#5: bind() to [::]:443 failed (98: Address already in use)
`
  expect(site.explain?.(desired, output)?.message).toContain('nginx can’t listen on [::]:443')
  expect(site.explain?.(desired, 'something else')).toBeUndefined()
})

test('a site that is taken over is kept, where nginx does not read it', () => {
  const rival = '/etc/nginx/sites-enabled/reg'
  expect(plan({ rival }, { ...desired, adopt: true })).toEqual([
    {
      resource: 'site',
      changes: [{ action: 'delete', summary: `${rival}, which is kept in /opt/berth/before-berth` }],
      call: ['site_retire', rival, '/opt/berth'],
    },
  ])
})

test('a certificate of your own goes only when no site needs it any more', () => {
  const steps = plan({ own: true, file: undefined })
  expect(steps.map(({ call: [name] }) => name)).toEqual(['site_write', 'site_forget'])
  const certificate = { chain: 'PEM', key: 'PEM' }
  expect(plan({ own: true }, { ...desired, certificate }).map(({ call: [name] }) => name)).not.toContain(
    'site_forget',
  )
})

describe('on the server', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
    for (const each of ['sites-available', 'sites-enabled'])
      mkdirSync(programs.file(`etc/nginx/${each}`), { recursive: true })
    mkdirSync(programs.file('run'))
    writeFileSync(programs.file('etc/nginx/nginx.conf'), 'include sites-enabled/*;\n')
  })
  afterEach(() => programs.remove())

  /** What nginx was asked, and what of the change was still to be seen as unfinished when it was told to reload. */
  const calls = () => readFileSync(programs.file('calls'), 'utf8').trim().split('\n')
  const run = (lines: string, { accepts = true, reloads = true, version = '1.26.3' } = {}) =>
    sh(
      ['server/facts', 'server/apply', 'resources/site/site'],
      `here='${programs.folder}'
: >"$here/calls"
chown() { :; }
nginx() {
  if [ "$*" = -v ]; then
    echo 'nginx version: nginx/${version}' >&2
  else
    echo "nginx $*" >>"$here/calls"
    ${accepts}
  fi
}
nginx_reload() {
  echo "reload" $(ls "$here/run") >>"$here/calls"
  ${reloads}
}
set -e
${lines}`,
      { root: programs.folder },
    )
  const write = (content: string, how = {}) => run(`site_write reg.conf 1.25.1 '${content}' 0 older`, how)
  const available = () => programs.file('etc/nginx/sites-available/reg.conf')
  const enabled = () => programs.file('etc/nginx/sites-enabled/reg.conf')
  /** Everything of the site that there is. */
  const there = () =>
    ['etc/nginx/sites-available', 'etc/nginx/sites-enabled', 'run'].flatMap(each =>
      readdirSync(programs.file(each)).map(name => `${each}/${name}`),
    )
  const whole = ['etc/nginx/sites-available/reg.conf', 'etc/nginx/sites-enabled/reg.conf']
  const refusals = [
    ['refuses it', { accepts: false }, ['nginx -t -q']],
    ['does not take it', { reloads: false }, ['nginx -t -q', 'reload berth-reg.conf.pending']],
  ] as const

  test('a site is loaded when nginx has found it right', () => {
    expect(write('new').code).toBe(0)
    expect(calls()).toEqual(['nginx -t -q', 'reload berth-reg.conf.pending'])
    expect(readFileSync(enabled(), 'utf8')).toBe('new')
    expect((statSync(available()).mode & 0o7777).toString(8)).toBe('644')
    write('newer')
    expect(readFileSync(enabled(), 'utf8')).toBe('newer')
    expect(there()).toEqual(whole)
  })

  test('an older nginx gets what it understands', () => {
    write('new', { version: '1.22.1' })
    expect(readFileSync(enabled(), 'utf8')).toBe('older')
  })

  test.each(refusals)('the old site stays if nginx %s', (_, how, asked) => {
    write('old')
    expect(write('new', how).code).toBe(1)
    expect(calls()).toEqual(asked)
    expect(readFileSync(enabled(), 'utf8')).toBe('old')
    expect(there()).toEqual(whole)
  })

  test.each(refusals)('where there was none, none stays if nginx %s', (_, how, asked) => {
    expect(write('new', how).code).toBe(1)
    expect(calls()).toEqual(asked)
    expect(there()).toEqual([])
  })

  const retire = (how = {}) => run(`site_retire '${enabled()}' '${programs.folder}'`, how)
  const kept = () => readdirSync(programs.file('before-berth'))

  test('a site of somebody’s is kept beside, for root alone', () => {
    writeFileSync(enabled(), 'theirs')
    expect(retire().code).toBe(0)
    expect(calls()).toEqual(['nginx -t -q', 'reload'])
    expect([there(), kept()]).toEqual([[], ['reg.conf']])
    expect(readFileSync(programs.file('before-berth/reg.conf'), 'utf8')).toBe('theirs')
    expect((statSync(programs.file('before-berth')).mode & 0o7777).toString(8)).toBe('700')
  })

  test.each(refusals)('a site of somebody’s stays if nginx %s', (_, how, [asked]) => {
    writeFileSync(enabled(), 'theirs')
    expect(retire(how).code).toBe(1)
    expect(calls()[0]).toBe(asked)
    expect(readFileSync(enabled(), 'utf8')).toBe('theirs')
    expect(kept()).toEqual(['reg.conf'])
  })

  test.each([
    [true, ['nginx -t -q', 'reload']],
    // It would only say again what is wrong with somebody else’s site.
    [false, ['nginx -t -q']],
  ])('a site is removed, and nginx told, if it accepts what is left: %s', (accepts, asked) => {
    write('old')
    expect(run('site_remove reg.conf', { accepts }).code).toBe(0)
    expect(calls()).toEqual(asked)
    expect(there()).toEqual([])
  })
})
