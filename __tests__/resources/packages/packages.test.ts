import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Topic } from '../../../src/failure.ts'
import { packages } from '../../../src/resources/packages/packages.ts'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'
import { recorded } from '../../recorded.ts'

const { desired } = recorded('trixie', 'bare')

// What dpkg and apt of Debian 13, 12 and 11 say.
test.each<[string, string, Topic | undefined, string | undefined]>([
  [
    'dpkg that knows the program',
    'dpkg: error: dpkg frontend lock was locked by /usr/bin/apt-get process with pid 124\nNote: removing the lock file is always wrong',
    'packageManager',
    'another package manager (/usr/bin/apt-get, process 124) has been running on the server for five minutes; wait until it has finished, and run again',
  ],
  [
    'dpkg that knows the process only',
    'dpkg: error: dpkg frontend lock was locked by another process with pid 124',
    'packageManager',
    'another package manager (process 124) has been running on the server for five minutes; wait until it has finished, and run again',
  ],
  [
    'an older dpkg',
    'dpkg: error: dpkg frontend is locked by another process',
    'packageManager',
    'another package manager has been running on the server for five minutes; wait until it has finished, and run again',
  ],
  [
    'apt',
    'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 3062 (apt-get)\nE: Unable to lock directory /var/lib/apt/lists/',
    'packageManager',
    'another package manager (apt-get, process 3062) has been running on the server for five minutes; wait until it has finished, and run again',
  ],
  [
    'a package in the way',
    'The following packages will be REMOVED:\n  podman-docker\nThe following NEW packages will be installed:\n  docker.io\nE: Packages need to be removed but remove is disabled.',
    'serverProgram',
    'that would remove podman-docker, which is not Berth’s; remove it or install what is missing by hand, and run again',
  ],
  [
    'a package that is nowhere, beside a source that is gone',
    "E: The repository 'file:/srv/gone x Release' is not signed.\nnot all lists of packages could be read\nE: Package 'certbot' has no installation candidate",
    'serverProgram',
    'apt finds no package certbot and can’t read all of its sources (file:/srv/gone); run `apt-get update` on the server, fix what it names, and run again',
  ],
  ['anything else', 'E: Unable to locate package nginx', undefined, undefined],
])('%s', (_, output, topic, message) => {
  const failure = packages.explain?.(desired, output)
  expect(failure?.message).toBe(message)
  expect(failure?.topic).toBe(topic)
})

describe('plan', () => {
  const seen = { missing: ['nginx'], halves: ['docker.io'], apt: true }
  const plan = (changes: Partial<typeof seen>) => packages.steps(desired, { ...seen, ...changes })
  const failures = (changes: Partial<typeof seen>, install = true) =>
    packages.failures?.({ ...desired, install }, { ...seen, ...changes })

  test('installs what is missing, and finishes what was cut off', () => {
    expect(plan({})).toEqual([
      {
        resource: 'packages',
        changes: [
          { action: 'create', summary: 'install nginx' },
          { action: 'update', summary: 'finish installing docker.io' },
        ],
        call: ['packages_install', 'nginx>=1.19.4'],
      },
    ])
    expect(plan({ missing: [], halves: [] })).toEqual([])
  })

  test.each([
    ['nothing may be installed', {}, false, 'the server lacks nginx; install'],
    ['there is no package manager', { apt: false }, true, 'has no apt-get to install'],
  ])('is in the way: %s', (_, changes, install, sentence) => {
    expect(failures(changes, install)).toMatchObject([
      { topic: 'serverProgram', message: expect.stringContaining(sentence) },
    ])
  })

  test('nothing is in the way where all is there', () => {
    expect(failures({ missing: [], apt: false }, false)).toEqual([])
  })
})

describe('on the server', () => {
  let programs: Programs
  beforeEach(() => {
    programs = new Programs()
  })
  afterEach(() => programs.remove())

  const run = (lines: string) =>
    sh(
      ['server/protocol', 'server/facts', 'resources/site/site', 'resources/packages/packages'],
      `PATH=${process.env.PATH}\nhere='${programs.folder}'\nsleep() { :; }\nexec 3>&1\nset -e\n${lines}`,
    )
  const calls = () => readFileSync(programs.file('calls'), 'utf8').trim().split('\n')

  test.each([
    ['at work', 'status: running', true],
    ['done', 'status: done', false],
    ['switched off', 'status: disabled', false],
  ])('cloud-init that is %s is waited for: %s %s', (_, says, waits) => {
    programs.add('cloud-init', `echo "cloud-init $*" >>"$here/calls"; echo '${says}'`)
    const { code, stdout } = run('packages_settle')
    expect(code).toBe(0)
    expect(stdout.includes('berth:say=waiting for cloud-init, which is still setting up this server')).toBe(
      waits,
    )
    expect(calls()).toEqual(['cloud-init status', ...(waits ? ['cloud-init status --wait'] : [])])
  })

  test('nothing that is installed is ever removed for what is missing', () => {
    programs.add('apt-get', 'echo "apt-get $*" >>"$here/calls"')
    programs.add('dpkg', 'echo "dpkg $*" >>"$here/calls"')
    programs.add('apt-cache', 'case "$*" in *docker-cli) exit 1 ;; *nginx) echo "Version: 1.22.1-9" ;; esac')
    expect(run('apparmor_tools() { :; }\npackages_install docker "nginx>=1.19.4"').code).toBe(0)
    expect(calls()).toEqual([
      'dpkg --force-confdef --force-confold --configure -a',
      expect.stringMatching(/^apt-get .* update$/),
      expect.stringMatching(
        /^apt-get .* -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install --yes --no-install-recommends --no-remove docker\.io nginx$/,
      ),
    ])
  })

  test('an nginx that is too old is not even installed, and is told by its version', () => {
    programs.add('apt-get', 'echo "apt-get $*" >>"$here/calls"')
    programs.add('dpkg', ':')
    programs.add('apt-cache', 'echo "Version: 1.18.0-6ubuntu14.7"')
    const { code, stdout } = run('packages_install certbot "nginx>=1.19.4"')
    expect(code).toBe(1)
    expect(calls()).toEqual([expect.stringMatching(/update$/)])
    expect(packages.explain?.(desired, stdout)?.message).toMatch(
      /^the server’s distribution has nginx 1\.18\.0, and 1\.19\.4 is the oldest that works; use a newer release/,
    )
  })

  test('what was cut off is finished also where nothing else is missing', () => {
    programs.add('dpkg', 'echo "dpkg $*" >>"$here/calls"')
    expect(run('packages_install').code).toBe(0)
    expect(calls()).toEqual(['dpkg --force-confdef --force-confold --configure -a'])
  })

  test('what can’t be finished by itself gets what it lacks', () => {
    programs.add('dpkg', 'exit 1')
    programs.add('apt-get', 'echo "apt-get $*" >>"$here/calls"')
    expect(run('packages_install').code).toBe(0)
    expect(calls().at(-1)).toMatch(/install --yes --fix-broken --no-remove$/)
  })

  test('another package manager is waited for, and said once', () => {
    programs.add(
      'dpkg',
      'echo >>"$here/calls"; [ "$(wc -l <"$here/calls")" -gt 2 ] || { echo "dpkg: error: dpkg frontend lock was locked by another process with pid 7" >&2; exit 2; }',
    )
    const { code, stdout } = run('patiently dpkg --configure -a')
    expect(code).toBe(0)
    expect(stdout.match(/berth:say=waiting for another package manager/g)).toHaveLength(1)
  })

  test('any other failure is told at once, and one that lasts in the end', () => {
    programs.add('dpkg', 'echo >>"$here/calls"; echo broken; exit 3')
    expect(run('patiently dpkg')).toMatchObject({ code: 3, stdout: 'broken\n' })
    expect(readFileSync(programs.file('calls'), 'utf8')).toBe('\n')
    programs.add('dpkg', 'echo "E: Could not get lock /x"; exit 4')
    expect(run('patiently dpkg')).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('Could not get lock'),
    })
  })

  describe('certbot’s plugin for a provider', () => {
    const plugin = (name: string) =>
      run(`has() { [ "$1" != certbot ]; }\npackages_listed() { :; }\npackages_plugin ${name}`).stdout.trim()
    const search = `[ "$1" = search ] || exit 1
for name in standalone cloudflare gandi; do echo "python3-certbot-dns-$name - plugin"; done`

    test.each([
      ['installed', 'there'],
      ['half-configured', 'package'],
      ['config-files', 'package'],
    ])('that is %s is %s, whatever its files are called', (status, said) => {
      programs.add('dpkg-query', `[ "$4" = python3-certbot-dns-gandi ] && printf '${status}'`)
      programs.add('apt-cache', ':')
      expect(plugin('gandi')).toBe(said)
    })

    test('that is lacking is told with those that can be used', () => {
      programs.add('dpkg-query', 'exit 1')
      programs.add('apt-cache', search)
      expect(plugin('hetzner')).toBe('lacking cloudflare gandi')
    })

    test('that a certbot from elsewhere lacks, too', () => {
      programs.add('certbot', "printf '* dns-standalone\n* dns-cloudflare\nDescription\n'")
      expect(run('packages_plugin hetzner').stdout.trim()).toBe('foreign cloudflare')
    })
  })

  test('a client alone is no Docker', () => {
    const found = () => run('docker_found && echo found; :').stdout
    programs.add('docker', 'exit 1')
    expect(run('has() { [ "$1" = docker ]; }\nif docker_found; then echo found; fi').stdout).toBe('')
    programs.add('docker', 'echo 26.1')
    expect(run('has() { [ "$1" = docker ]; }\nif docker_found >/dev/null; then echo found; fi').stdout).toBe(
      'found\n',
    )
    expect(found()).toContain('found')
  })
})

describe('certbot’s plugin for a provider of DNS', () => {
  const dns = { name: 'hetzner', credentials: 'x' }
  const want = { ...desired, acme: { ...desired.acme, dns } }
  const seen = (plugin: string) => ({ missing: [], halves: [], apt: true, plugin })
  const failures = (plugin: string, install = true) =>
    packages.failures?.({ ...want, install }, seen(plugin)).map(({ message }) => message)

  test('is there, or is installed', () => {
    expect(packages.steps(want, seen('there'))).toEqual([])
    for (const state of ['package', 'unknown'])
      expect(packages.steps(want, seen(state))).toMatchObject([
        {
          changes: [{ action: 'create', summary: 'install certbot’s plugin for hetzner' }],
          call: ['packages_install', 'python3-certbot-dns-hetzner'],
        },
      ])
    expect(failures('package', false)).toEqual([
      expect.stringContaining('lacks certbot’s plugin for hetzner;'),
    ])
  })

  test.each([
    [
      'lacking cloudflare rfc2136',
      /^the server’s distribution has no certbot plugin for hetzner, only for cloudflare, rfc2136; use `acme-dns: hook`/,
    ],
    ['lacking', /for hetzner, nor any other; use `acme-dns: hook`/],
    [
      'foreign ',
      /^certbot on the server is not the distribution’s and has no plugin for DNS; install the one for hetzner/,
    ],
    [
      'foreign cloudflare',
      /^certbot on the server is not the distribution’s and has plugins only for cloudflare; install the one for hetzner/,
    ],
  ])('%s is told before anything is touched', (state, message) => {
    expect(failures(state)).toEqual([expect.stringMatching(message)])
  })

  test('what only the installation could find out is told by it', () => {
    expect(packages.explain?.(want, ' lacking hetzner: cloudflare google \n')?.message).toMatch(
      /no certbot plugin for hetzner, only for cloudflare, google;/,
    )
  })

  test('`hook` needs none, nor does your own certificate', () => {
    const probes = (more: object) => packages.probe({ ...want, ...more }).map(([name]) => name)
    expect(probes({})).toEqual(['packages_probe', 'packages_probe_plugin'])
    expect(probes({ acme: { ...desired.acme, dns: { name: 'hook', credentials: 'x' } } })).toEqual([
      'packages_probe',
    ])
    expect(probes({ certificate: { chain: '', key: '' } })).toEqual(['packages_probe'])
  })
})
