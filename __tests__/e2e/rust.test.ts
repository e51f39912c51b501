import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { age } from './age.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

// Ubuntu’s coreutils and sudo are written in Rust since 25.10. Debian 13 has an early version of both, its next one a late one.

jest.setTimeout(180_000)

describe.each(['trixie', 'forky'])('coreutils and sudo in Rust, as in %s', suite => {
  let here: Registry
  const login = { 'ssh-user': 'deploy', 'sudo-password': 'x8Kq-of-deploy' }

  beforeAll(async () => {
    here = await registry({ suite, rust: true })
    await here.server.sh(`useradd --create-home --shell /bin/bash --groups sudo deploy
      echo 'deploy:${login['sudo-password']}' | chpasswd
      mkdir -m 700 /home/deploy/.ssh && cp /root/.ssh/authorized_keys /home/deploy/.ssh/ && chown -R deploy: /home/deploy/.ssh`)
  })
  afterAll(() => here?.server.remove())

  const status = (name: 'ci' | 'alice' | 'bob') =>
    here.server.sh(
      `curl -sk -o /dev/null -w '%{http_code}' -u ${name}:${passwords[name]} https://${here.server.domain}/v2/`,
    )

  test('they are what runs', async () => {
    expect(await here.server.sh('readlink -f "$(command -v install)"')).toBe('/usr/bin/coreutils')
    expect(await here.server.sh('sudo --version 2>&1')).toMatch(/^sudo-rs 0\.2/)
  })

  test('a first run, by sudo with a password, and a second that changes nothing', async () => {
    const first = succeeded(await here.step(login))
    expect(first.milliseconds).toBeLessThan(90_000)
    expect(await status('ci')).toBe('200')
    expect(succeeded(await here.step(login)).outputs.plan).toBe('[]')
  })

  test('what a run makes is root’s alone to change, also where sudo keeps the user’s umask', async () => {
    const made =
      '/opt/berth /etc/nginx /etc/letsencrypt /etc/systemd/system /var/lib/letsencrypt /var/www /var/log/letsencrypt /run/berth*'
    // The images are the registry’s, and sockets are there for a group.
    expect(
      await here.server.sh(
        `find ${made} -path /opt/berth/data -prune -o ! -type l ! -type s -perm /022 -printf '%M %u:%g %p\\n'`,
      ),
    ).toBe('')
  })

  test('users, settings and a renewal', async () => {
    succeeded(
      await here.step({ users: `ci:${passwords.ci}\nbob:${passwords.bob}`, access: 'ci: push\nbob: pull' }),
    )
    expect([await status('ci'), await status('alice'), await status('bob')]).toEqual(['200', '401', '200'])
    succeeded(await here.step({ ...login, 'registry-config': 'log: { level: warn }' }))
    expect(await here.server.sh('cat /opt/berth/generations/*/config.yml')).toContain('level: warn')
    await age(here.server, here.world.acme)
    expect(succeeded(await here.step({ ...login, mode: 'renew', users: '' })).outputs.changed).toBe('true')
    succeeded(await here.step(login))
    expect(succeeded(await here.step(login)).outputs.plan).toBe('[]')
  })

  test('a wrong password, and none, are said', async () => {
    const refused = async (password: string) =>
      (await here.step({ ...login, 'sudo-password': password })).errors.join()
    expect(await refused('wrong')).toContain('sudo does not accept `sudo-password` from `deploy`')
    expect(await refused('')).toContain('sudo asks `deploy` for a password; give it as `sudo-password`')
  })

  test('what guards the disk and holds up guesses is at work', async () => {
    const units = `berth-guard-${here.server.domain} berth-brake-${here.server.domain}`
    expect(
      await here.server.sh(
        `systemctl is-active ${units}; journalctl -q -p warning -u berth-guard-${here.server.domain} || :`,
      ),
    ).toBe('active\nactive')
  })

  test('down, and up again', async () => {
    succeeded(await here.step({ ...login, mode: 'down' }))
    expect(await here.server.sh('docker ps -aq; ls /etc/nginx/sites-enabled')).toBe('default')
    succeeded(await here.step(login))
    expect(await status('ci')).toBe('200')
    succeeded(await here.step({ ...login, mode: 'down', purge: here.server.domain }))
    expect((await here.server.run('test -e /opt/berth')).code).toBe(1)
  })
})
