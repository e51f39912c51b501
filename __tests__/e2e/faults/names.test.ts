import { randomBytes } from 'node:crypto'
import { expect, jest, test } from '@jest/globals'
import { createServer } from '../../../lab/index.ts'
import { succeeded } from '../registry.ts'
import { scene } from './scene.ts'

jest.setTimeout(240_000)

const id = randomBytes(3).toString('hex')
const second = `second-${id}.berth.test`
const here = scene({ aliases: [second] })
const run = (script: string) => here.server.sh(script)
const password = 'mJ4kQ9wZtR7yXc2vB6nH8dLs'
const other = { domain: second, 'ssh-host': '', users: `ci:${password}` }

/** All of the first registry: files and containers. What looks after certbot’s timer is both’s. */
const first = () =>
  run(`find /opt/berth /etc/nginx /etc/letsencrypt /etc/systemd/system -type f -printf '%p %m %u %T@ %i\\n' | grep -v -e ${second} -e certbot.service.d | sort
docker ps --no-trunc --filter label=berth.domain=${here.domain} --format '{{.ID}} {{.Names}}'`)

const status = (domain: string, user: string) =>
  run(
    `curl -sk -o /dev/null -w '%{http_code}' --resolve ${domain}:443:127.0.0.1 -u '${user}' https://${domain}/v2/`,
  )

test.each(['up', 'plan', 'down'])(
  'a second domain with the first one’s `directory`, in mode %s: refused, and nothing is touched',
  async mode => {
    const before = await first()
    for (const adopt of ['false', 'true']) {
      const step = await here.step({
        ...other,
        'ssh-host': here.domain,
        mode,
        adopt,
        ...(mode === 'down' && { purge: second }),
      })
      expect(step.errors).toEqual([
        `/opt/berth belongs to the registry ${here.domain}, with its images and users; give ${second} a \`directory\` of its own, such as /opt/berth-${second}`,
      ])
    }
    expect(await first()).toBe(before)
  },
)

test('a second domain with a `directory` of its own: neither knows of the other, also when it goes', async () => {
  const before = await first()
  const own = { ...other, 'ssh-host': here.domain, directory: `/opt/berth-${second}` }
  succeeded(await here.step(own))
  expect(await first()).toBe(before)
  expect(await status(second, `ci:${password}`)).toBe('200')
  expect(await status(second, `ci:${here.passwords.ci}`)).toBe('401')
  expect(await status(here.domain, `ci:${password}`)).toBe('401')
  expect(succeeded(await here.step({ mode: 'plan' })).outputs.plan).toBe('[]')
  succeeded(await here.step({ ...own, mode: 'down', purge: second }))
  expect(await run('ls /opt')).not.toContain(second)
  expect(await status(here.domain, `ci:${here.passwords.ci}`)).toBe('200')
})

test('another `directory` for the same domain: refused, and a folder that was taken away keeps its owner', async () => {
  const before = await first()
  const step = await here.step({ directory: '/srv/berth' })
  expect(step.errors.join()).toContain(
    `the registry ${here.domain} is in /opt/berth on this server and not in /srv/berth; give \`directory: /opt/berth\``,
  )
  expect(await first()).toBe(before)
  succeeded(await here.step({ mode: 'down' }))
  const late = await here.step({ ...other, 'ssh-host': here.domain })
  expect(late.errors.join()).toContain(`/opt/berth belongs to the registry ${here.domain}, with its images`)
  succeeded(await here.step())
})

test('a first run for a wrong name leaves nothing in the way of the right one', async () => {
  const server = await createServer()
  const wrong = here.world.hub.domain
  const inputs = {
    'ssh-host': server.domain,
    'ssh-known-hosts': server.knownHosts,
    users: `ci:${password}`,
  }
  try {
    const typo = await here.step({ ...inputs, domain: wrong })
    expect(typo.errors.join()).toMatch(/the A record of \S+, \S+, refuses connections on port 80/)
    const step = succeeded(await here.step({ ...inputs, domain: server.domain }))
    expect(step.outputs.plan).toContain(`what a first run for ${wrong} left, which never served`)
    expect(await server.sh('docker ps -a --format "{{.Label \\"berth.domain\\"}}"')).toBe(server.domain)
    expect(await server.sh('ls -R /etc/nginx /opt/berth/generations /opt/berth/run')).not.toContain(wrong)
    expect(step.log).not.toContain('set up by hand')
    const again = succeeded(await here.step({ ...inputs, domain: server.domain }))
    expect(again.outputs.plan).toBe('[]')
  } finally {
    await server.remove()
  }
})
