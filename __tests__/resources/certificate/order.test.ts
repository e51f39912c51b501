import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { order } from '../../../src/resources/certificate/certificate.ts'
import { line } from '../../../src/shell.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { conf, desired, domain } from '../lineage.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
  for (const folder of ['work', 'etc/live', 'etc/archive', 'etc/renewal', 'etc/accounts', 'etc/berth', 'out'])
    mkdirSync(programs.file(folder), { recursive: true })
})
afterEach(() => programs.remove())

const libraries = [
  'server/apply',
  'server/protocol',
  'server/facts',
  'resources/certificate/certificate',
  'resources/certificate/order',
]

/** Lines of an order, on a server whose folders are the test’s and on which certbot says what `certbot` has it say. */
function run(lines: string, certbot = ':') {
  programs.add(
    'certbot',
    `printf '%s\\n' "$@" >>"$here/out/args"; cat "$here"/work/eab.ini >"$here/out/eab" 2>/dev/null; stat -c %a "$here/work/eab.ini" >"$here/out/mode" 2>/dev/null\n${certbot}`,
  )
  return sh(
    libraries,
    `PATH=${process.env.PATH}
here='${programs.folder}' LETSENCRYPT='${programs.folder}/etc' LOG='${programs.folder}/log' WEBROOT='${programs.folder}/www'
domain=${domain} name=${domain} server=https://acme.example.com/dir before=
order_workplace() { work=$here/work; aside=$LETSENCRYPT/berth/$name.aside; token=; }
order_challenge() { :; }
order_reachable() { :; }
certificate_serve() { :; }
put() { printf '%s' "$3" >"$1"; }
sleep() { :; }
exec 3>&1
set -e
${lines}`,
  )
}

const seen = (name: string) => readFileSync(programs.file(`out/${name}`), 'utf8')
const account = (id: string) =>
  mkdirSync(programs.file(`etc/accounts/acme.example.com/dir/${id}`), { recursive: true })

const certificateOrder = (eab?: { kid: string; hmac: string }, email?: string) =>
  line(
    order(
      { domain, acme: { ...desired.acme, eab, email } },
      { name: domain, ipv6: false, webroot: undefined, named: [], peers: [] },
    ),
  )

describe('an account that is bound to one of yours', () => {
  test.each([
    ['plain', { kid: 'kid-1', hmac: 'c2VjcmV0' }],
    // base64url begins with one of 64 signs.
    ['beginning with a hyphen', { kid: '-kid', hmac: '-c2VjcmV0' }],
    ['that look like patterns of files', { kid: '*', hmac: 'c2VjcmV0' }],
  ])('%s: its key is in a file for root only, and on no command line', (_, eab) => {
    expect(run(certificateOrder(eab, 'ops@example.com'))).toMatchObject({ code: 0 })
    expect(seen('eab')).toBe(`eab-kid = ${eab.kid}\neab-hmac-key = ${eab.hmac}\n`)
    expect(seen('mode')).toBe('600\n')
    expect(seen('args')).not.toContain('c2VjcmV0')
    expect(seen('args')).toContain('\n--email\nops@example.com\n')
  })

  test('is none where none is given, nor an address', () => {
    expect(run(certificateOrder())).toMatchObject({ code: 0 })
    expect(existsSync(programs.file('work/eab.ini'))).toBe(false)
    expect(seen('args')).toContain('--register-unsafely-without-email')
    expect(seen('args')).not.toContain('--email')
  })
})

test('what is asked for is one name, by a file on port 80, from this authority', () => {
  run(certificateOrder())
  expect(seen('args').split('\n')).toEqual(
    expect.arrayContaining(['certonly', 'webroot', '--cert-name', domain, '--server', desired.acme.server]),
  )
})

test('an account that is there is used again', () => {
  account('abc')
  run(certificateOrder({ kid: 'kid', hmac: 'x' }))
  expect(seen('args')).toMatch(/\n--account\nabc\n/)
})

test('a private authority is trusted besides the system’s own, for the order only', () => {
  run(certificateOrder().replace(" '' ", " 'PEM\n' "), 'echo "$REQUESTS_CA_BUNDLE" >"$here/out/bundle"')
  expect(seen('bundle').trim()).toBe(programs.file('work/ca.pem'))
  expect(statSync(programs.file('work/ca.pem')).size).toBeGreaterThan(4)
})

describe('leftovers of a certificate', () => {
  test('are out of certbot’s way, and come back when the order fails', () => {
    mkdirSync(programs.file(`etc/live/${domain}`))
    writeFileSync(programs.file(`etc/renewal/${domain}.conf`), conf)
    const certbot = 'ls "$here/etc/live" "$here/etc/renewal" >"$here/out/there"; exit 1'
    expect(run(certificateOrder(), certbot).code).toBe(1)
    expect(seen('there')).not.toContain(domain)
    run('order_workplace; order_put_back')
    expect(existsSync(programs.file(`etc/live/${domain}`))).toBe(true)
    expect(readFileSync(programs.file(`etc/renewal/${domain}.conf`), 'utf8')).toBe(conf)
  })
})

describe('what certbot gives up at', () => {
  test('another one at work is waited for, and said once', () => {
    const busy =
      'n=$(cat "$here/n" 2>/dev/null || echo 0); echo $((n + 1)) >"$here/n"; [ "$n" -ge 2 ] || { echo "Another instance of Certbot is already running."; exit 1; }'
    const { code, stdout } = run(certificateOrder(), busy)
    expect(code).toBe(0)
    expect(stdout.match(/berth:say=waiting for certbot/g)).toHaveLength(1)
    expect(readFileSync(programs.file('n'), 'utf8')).toBe('3\n')
  })

  test('one that hangs is not waited for without end', () => {
    const { code, stdout } = run(
      certificateOrder(),
      'echo "Another instance of Certbot is already running."; exit 1',
    )
    expect(code).toBe(1)
    expect(stdout).toContain('Another instance of Certbot')
  })

  test('an account that the authority has forgotten is put aside, and made anew', () => {
    account('abc')
    const { code, stdout } = run(
      certificateOrder(),
      'case "$*" in *--account*) echo "urn:ietf:params:acme:error:accountDoesNotExist"; exit 1 ;; esac',
    )
    expect(code).toBe(0)
    expect(stdout).toContain('berth:say=the authority no longer knows this account')
    expect(existsSync(programs.file('etc/berth/accounts/abc'))).toBe(true)
  })

  test('what the authority said is told where certbot does not tell it, and not what it said the last time', () => {
    writeFileSync(programs.file('log'), 'acme.messages.Error: the last time\n')
    const { stdout } = run(
      certificateOrder(),
      'echo "AttributeError: can\'t set attribute"; echo "acme.messages.Error: this time" >>"$here/log"; exit 1',
    )
    expect(stdout).toContain('this time')
    expect(stdout).not.toContain('the last time')
  })
})

describe('another address', () => {
  const contact = `certificate_contact ${domain} ${domain} https://acme.example.com/dir new@example.com ''`
  const noted = () => {
    const file = programs.file(`etc/berth/${domain}.contact`)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }
  const unknown = 'case "$*" in *old*) echo "urn:ietf:params:acme:error:accountDoesNotExist"; exit 1 ;; esac'

  test('is told to the authority', () => {
    account('abc')
    expect(run(contact)).toMatchObject({ code: 0 })
    expect(seen('args')).toMatch(/^update_account\n(?:.*\n)*--email\nnew@example\.com\n--account\nabc\n$/)
    expect(noted()).toBe('https://acme.example.com/dir new@example.com\n')
  })

  test('without an account is only noted, for the next order', () => {
    expect(run(contact, 'exit 1')).toMatchObject({ code: 0 })
    expect(existsSync(programs.file('out/args'))).toBe(false)
    expect(noted()).toContain('new@example.com')
  })

  test('of an account that the authority has forgotten is noted too, and the account put aside', () => {
    account('old')
    const nobody = 'echo "Could not find an existing account to update."; exit 1'
    expect(run(contact, `${unknown}\n${nobody}`)).toMatchObject({ code: 0 })
    expect(existsSync(programs.file('etc/berth/accounts/old'))).toBe(true)
    expect(noted()).toContain('new@example.com')
  })

  test('is told to another account for the same authority then', () => {
    account('old')
    account('one')
    expect(run(contact, unknown)).toMatchObject({ code: 0 })
    expect(seen('args')).toMatch(/\n--account\none\n$/)
  })

  test('that the authority does not take is not noted', () => {
    account('abc')
    expect(run(contact, 'echo "invalidContact"; exit 1').code).toBe(1)
    expect(noted()).toBeUndefined()
  })
})
