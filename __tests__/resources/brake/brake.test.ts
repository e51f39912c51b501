import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { brake, brakeMaps, brakePassed, brakeServer } from '../../../src/resources/brake/brake.ts'
import { prefix } from '../../../src/resources/names.ts'
import { Facts } from '../../../src/server/facts.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { recorded } from '../../recorded.ts'

const { desired, facts } = recorded('trixie', 'converged')
const { domain } = desired
const well = brake.read(facts, desired)
const none = { script: undefined, unit: undefined, watching: false, reachable: true }
const service = `berth-brake-${domain}.service`
const script = '/opt/berth/watcher.pl'
const open = { ...desired, users: null }
const ownAuth = {
  ...desired,
  registry: { ...desired.registry, config: { auth: { token: { realm: 'https://auth.example.com' } } } },
}

const summaries = (steps: ReturnType<typeof brake.steps>) =>
  steps.flatMap(({ changes }) => changes.map(({ action, summary }) => `${action} ${summary}`))
const edited = (file: typeof well.script) => file && { ...file, content: `${file.content}# by hand\n` }

describe('plan', () => {
  test.each([
    ['as it should be', desired, well, []],
    ['not there yet', desired, none, [`create ${script}`, `create ${service}`]],
    ['not running', desired, { ...well, watching: false }, [`update start ${service}`]],
    [
      'out of nginx’s reach, because that now runs as another user',
      desired,
      { ...well, reachable: false },
      [`update restart ${service}, which nginx can’t reach`],
    ],
    ['an edited script', desired, { ...well, script: edited(well.script) }, [`update ${script}`]],
    ['an edited unit', desired, { ...well, unit: edited(well.unit) }, [`update ${service}`]],
    [
      'a script that others may write to',
      desired,
      { ...well, script: well.script && { ...well.script, mode: '666' } },
      [`update ${script} from 666 root:root to 644 root:root`],
    ],
    ['a script that is gone', desired, { ...well, script: undefined }, [`create ${script}`]],
    ['`auth: none`', open, well, [`delete ${service}`]],
    ['`auth: none` from the beginning', open, none, []],
    ['a registry that asks for passwords itself', ownAuth, well, [`delete ${service}`]],
  ])('%s', (_, wanted, seen, expected) => {
    expect(summaries(brake.steps(wanted, seen))).toEqual(expected)
  })

  test('`down` takes it away', () => {
    expect(summaries(brake.removal?.(desired, well) ?? [])).toEqual([`delete ${service}`])
    expect(brake.removal?.(desired, none)).toEqual([])
  })
})

test.each([
  ['www-data', true],
  // It does not run, so there is no folder.
  ['', true],
  ['web', false],
])('with a folder of the group “%s”, nginx can reach it: %s', (group, reachable) => {
  const files = { 'brake.script': 'absent', 'brake.unit': 'absent' }
  const seen = Facts.of({ ...files, 'brake.group': group, 'site.group': 'www-data' })
  expect(brake.read(seen, desired)).toMatchObject({ reachable })
})

test('the service may do no more than it needs', () => {
  const [, , , , unit = ''] = brake.steps(desired, none)[0]?.call ?? []
  const [, section] = unit.split(/\[Service\]\n|\n\[Install\]/)
  expect(section).toBe(`\
ExecStart=/usr/bin/perl /opt/berth/watcher.pl /run/berth-brake-${domain} /opt/berth/htpasswd /opt/berth/run
RuntimeDirectory=berth-brake-${domain}
Restart=always
RestartSec=1
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_READ_SEARCH CAP_FOWNER
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateNetwork=yes
MemoryMax=128M
`)
})

const id = prefix(domain)
const plain = (text: string) => text.replaceAll(id, 'ID')
const hash = '$ID_0$ID_1$ID_2$ID_3$ID_4$ID_5$ID_6$ID_7'

describe('what nginx reads', () => {
  test('limits all credentials but those that are known, before it looks at them', () => {
    const run = `/run/berth-brake-${domain}`
    expect(plain(brakeServer(desired, false))).toBe(`
    access_log syslog:server=unix:${run}/log.sock,nohostname,tag=berth ID if=$ID_told;
    set $ID_passed 0;
    set $ID_known "";
    set $ID_slow "";
    set $ID_guesser $ID_claims;
    if (-f ${run}/known/$ID_name.${hash}) {
        set $ID_known 1;
        set $ID_guesser "";
    }
    if (-f ${run}/slow/$ID_name) { set $ID_slow 1; }
    if ($ID_name = "-") { set $ID_slow 1; }
    # Without the service nobody would ever be known, and everybody would be held up.
    if (!-d ${run}/known) { set $ID_guesser ""; }
    # Whoever does not guess is never slowed down.
    if ($ID_guesser = "") { set $ID_slow ""; }
    limit_req zone=ID_guesses burst=20 nodelay;
    limit_req zone=ID_slow burst=20 nodelay;
    limit_req_status 429;
    limit_req_log_level warn;
    error_page 429 @slower;
    location @slower {
        return 429 '{"errors":[{"code":"TOOMANYREQUESTS","message":"too many passwords from this address that are not known to be right; try again later"}]}';
    }
`)
  })

  test('lets in whom another server of the registry has let in', () => {
    const line = '    if ($ID_peer) { set $ID_guesser ""; }\n'
    expect(plain(brakeServer(desired, true))).toContain(line)
    expect(plain(brakeServer(desired, false))).not.toContain('peer')
  })

  test.each([
    ['a network has one guess a second', 'limit_req_zone $ID_guesser zone=ID_guesses:10m rate=1r/s;'],
    [
      'slow passwords are looked at ten times a second',
      'limit_req_zone $ID_slow_guess zone=ID_slow:64k rate=10r/s;',
    ],
    [
      'without credentials there is no guess',
      'map $http_authorization $ID_claims {\n    default $ID_network;\n    "" "";\n}',
    ],
    [
      'the service hears what it has to know',
      `log_format ID '$status $ID_passed $ID_name ${hash} $remote_addr';`,
    ],
  ])('%s', (_, line) => {
    expect(plain(brakeMaps(desired))).toContain(`${line}\n`)
  })

  test.each([
    ['credentials that are not known', 'Basic Y2k6eA== 401', '1'],
    ['those that are, and right', '1Basic Y2k6eA== 200', '0'],
    ['those that are, and were wrong', '1Basic Y2k6eA== 401', '1'],
    ['nothing', ' 401', '0'],
    ['another scheme', 'Bearer x 401', '0'],
  ])('the service hears of %s: %s', (_, seen, told) => {
    const [, block = ''] = /\$ID_told \{\n(.*?)\n\}/s.exec(plain(brakeMaps(desired))) ?? []
    const rules = [...block.matchAll(/"~(.*)" (\d);/g)].map(([, regex = '', value]) => ({
      regex: new RegExp(regex.replace('\\A', '^').replace('\\z', '$')),
      value,
    }))
    expect(rules.find(({ regex }) => regex.test(seen))?.value ?? '0').toBe(told)
  })

  test('each digit of the hash divides credentials in sixteen parts of its own', () => {
    const blocks = [
      ...plain(brakeMaps(desired)).matchAll(
        /split_clients "(.*?)\$ID_network\|\$http_authorization" \$ID_\d \{\n(.*?)\}/gs,
      ),
    ]
    expect(new Set(blocks.map(([, salt]) => salt)).size).toBe(8)
    for (const [, , parts = ''] of blocks) {
      const digits = [...parts.matchAll(/^ +(6\.25%|\*) ([0-9a-f]);$/gm)].map(([, , digit]) => digit)
      expect(digits.join('')).toBe('0123456789abcdef')
    }
  })

  test('behind the check of the password it is noted that it was right', () => {
    expect(plain(brakePassed(desired))).toBe('        set $ID_passed 1;\n')
  })
})

describe('on the server', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
    mkdirSync(programs.file('etc/systemd/system'), { recursive: true })
    mkdirSync(programs.file('berth'))
  })
  afterEach(() => programs.remove())

  const run = (lines: string) =>
    sh(
      ['server/apply', 'resources/brake/brake'],
      `chown() { echo "chown $*"; }\nsystemctl() { echo "systemctl $*"; }\nset -e\n${lines}`,
      { root: programs.folder },
    )
  const up = () => run(`brake_up berth-brake '${programs.file('berth')}' 'exit 1;' '[Service]'`)
  const files = () => [
    programs.file('berth/watcher.pl'),
    programs.file('etc/systemd/system/berth-brake.service'),
  ]

  test('nobody but root may write what root runs', () => {
    const { code, stdout } = up()
    expect(code).toBe(0)
    expect(files().map(path => readFileSync(path, 'utf8'))).toEqual(['exit 1;', '[Service]'])
    expect(files().map(path => (statSync(path).mode & 0o7777).toString(8))).toEqual(['644', '644'])
    expect(stdout.split('\n')).toEqual([
      ...files().map(path => `chown root:root ${path}.berth-new`),
      'systemctl --no-reload enable berth-brake.service',
      'systemctl daemon-reload',
      'systemctl restart berth-brake.service',
      '',
    ])
  })

  test('`down` stops it before its files go', () => {
    up()
    const { code, stdout } = run(`brake_down berth-brake '${programs.file('berth')}'`)
    expect([code, stdout]).toEqual([
      0,
      'systemctl disable --now berth-brake.service\nsystemctl daemon-reload\n',
    ])
    expect(files().map(path => existsSync(path))).toEqual([false, false])
  })
})
