import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { until } from '../../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from '../registry.ts'

// The filter in docs/users.md, with Debian's fail2ban.

jest.setTimeout(240_000)

let here: Registry

beforeAll(async () => {
  here = await registry()
  succeeded(await here.step())
  await here.server.sh(
    '{ apt-get -q update && apt-get -q install -y --no-install-recommends fail2ban iptables; } >/dev/null',
  )
})
afterAll(() => here?.server.remove())

test('who guesses is banned, and who comes without a password or with the right one is not', async () => {
  const { server, world } = here
  const log = `/var/log/nginx/${server.domain}.access.log`
  const docs = readFileSync(join(import.meta.dirname, '../../../docs/users.md'), 'utf8')
  const filter = /```\n(\[Definition\]\n[^`]*)```/.exec(docs)?.[1] ?? ''
  await server.write('/etc/fail2ban/filter.d/berth.conf', filter)
  // Of the lab's own jails, only this one.
  await server.write(
    '/etc/fail2ban/jail.d/defaults-debian.conf',
    `[berth]\nenabled = true\nfilter = berth\nbackend = polling\nlogpath = ${log}\nmaxretry = 5\nfindtime = 600\nbanaction = iptables-multiport\nport = 80,443\n`,
  )
  await server.sh('systemctl restart fail2ban')
  await until(
    'fail2ban is there',
    30,
    async () => (await server.run('fail2ban-client status berth')).code === 0,
  )
  const { v4 } = server.address
  const ask = (times: number, user = '') =>
    world.consumer.sh(
      `config=$(cat); for i in $(seq ${times}); do curl -sk --max-time 5 -o /dev/null -K - --resolve ${server.domain}:443:${v4} https://${server.domain}/v2/ <<<"$config" || :; done`,
      { input: user && `user = "${user}"` },
    )
  const matched = async () =>
    Number(
      /(\d+) matched/.exec(await server.sh(`fail2ban-regex ${log} /etc/fail2ban/filter.d/berth.conf`))?.[1],
    )
  const banned = () => server.sh('fail2ban-client status berth')

  const before = await matched()
  await ask(20)
  await ask(20, `ci:${passwords.ci}`)
  expect(await matched()).toBe(before)
  expect(await banned()).not.toContain(world.consumer.address.v4)

  // Some are answered by 401, then by 429.
  await ask(30, 'ci:guess')
  await until('the guesser is banned', 30, async () => (await banned()).includes(world.consumer.address.v4))
  expect(await matched()).toBeGreaterThan(before + 4)
})
