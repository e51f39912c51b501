import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  type Acme,
  acme,
  createFleet,
  createStore,
  type Dns,
  dns,
  type Fleet,
  hasStore,
  key,
  runStep,
  type Server,
  type StepRun,
  type Store,
  storeConfig,
  until,
  type World,
  world,
} from '../../lab/index.ts'
import { age } from './age.ts'
import { Clients, told } from './floating.ts'
import { passwords, succeeded } from './registry.ts'
import { Storm } from './storm.ts'

// Three servers of one registry: what a run does to them, and what clients notice when one of them fails.

jest.setTimeout(900_000)

const described = (await hasStore()) ? describe : describe.skip

let lab: World
let authority: Acme
let names: Dns
let store: Store
let fleet: Fleet
let inputs: Record<string, string>
let [one, two, three]: Server[] = []

const step = (more: Record<string, string> = {}) =>
  runStep(lab.runner, { ...inputs, ...more }, { secrets: [inputs['ssh-key'] ?? '', inputs.users ?? ''] })
/** Where the authority finds the registry. */
const lead = (...to: Server[]) => names.set(fleet.domain, { v4: to.map(({ address }) => address.v4) })
const servers = (run: StepRun): string[] =>
  [
    ...new Set(JSON.parse(run.outputs.plan ?? '[]').map((each: { server: string }) => each.server)),
  ] as string[]

described('three servers of one registry', () => {
  beforeAll(async () => {
    lab = await world()
    ;[store, fleet] = await Promise.all([createStore(), createFleet(3)])
    ;[one, two, three] = fleet.servers
    const [name = ''] = fleet.domain.split('.')
    names = await dns(`dns-${name}`)
    authority = await acme({ name: `acme-${name}`, dns: names.server })
    await lead(...fleet.servers)
    inputs = {
      ...fleet.inputs,
      email: 'ops@example.com',
      'ssh-key': (await key()).private,
      users: `ci:${passwords.ci}\nalice:${passwords.alice}`,
      'acme-server': authority.directory,
      ca: authority.trust,
      'registry-config': storeConfig(store),
    }
  })

  afterAll(async () => {
    await fleet?.remove()
    await authority?.remove()
    await names?.remove()
    await store?.remove()
  })

  test('are set up at once, each with a certificate of its own, and then there is nothing to do', async () => {
    const first = succeeded(await step())
    expect(servers(first).sort()).toEqual(fleet.servers.map(({ domain }) => domain))
    const prints = await Promise.all(
      fleet.servers.map(({ sh }) =>
        sh(`openssl x509 -noout -serial -in /etc/letsencrypt/live/${fleet.domain}/cert.pem`),
      ),
    )
    expect(new Set(prints).size).toBe(3)
    const second = succeeded(await step())
    expect(second.outputs.changed).toBe('false')
    const alone = await step({ ...fleet.some(fleet.servers.slice(0, 1)), mode: 'plan' })
    const all = await step({ mode: 'plan' })
    console.log(
      `nothing to do: ${all.milliseconds} ms for three, ${alone.milliseconds} ms for one, on one machine`,
    )
  })

  test('an htpasswd that differs on one of them is put right there, and nothing else is touched', async () => {
    await two?.sh(`sed -i '/^alice:/d' /opt/berth/htpasswd`)
    const run = succeeded(await step())
    expect(JSON.parse(run.outputs.plan ?? '')).toEqual([
      { server: two?.domain, resource: 'users', action: 'create', summary: 'add alice' },
    ])
    expect(await two?.sh('cut -d: -f1 /opt/berth/htpasswd')).toBe(
      await one?.sh('cut -d: -f1 /opt/berth/htpasswd'),
    )
  })

  test('clients notice little of what fails', async () => {
    const address = await fleet.float(three as Server)
    const place = {
      domain: fleet.domain,
      ca: authority.trust,
      credentials: `ci:${passwords.ci}`,
      timeout: 8000,
    }
    const clients = new Clients({ ...place, addresses: () => [address] })
    let holder = three as Server
    let watching = true
    const watch = (async () => {
      while (watching) {
        if (!(await isWell(holder))) {
          const next = fleet.servers[(fleet.servers.indexOf(holder) + 1) % 3] as Server
          if (await isWell(next)) {
            holder = next
            await fleet.float(next)
          }
        }
        await new Promise(resolve => setTimeout(resolve, 300))
      }
    })()
    const running = clients.run()
    const lines: string[] = []
    const during = async (what: string, work: () => Promise<unknown>) => {
      clients.figures()
      await work()
      await new Promise(resolve => setTimeout(resolve, 3000))
      const figures = clients.figures()
      lines.push(told(what, figures))
      expect(figures.failedPulls).toEqual([])
      expect(figures.failedPushes).toEqual([])
      expect(figures.pulls).toBeGreaterThan(0)
    }
    try {
      await during('a registry is killed, and stays away', () =>
        holder.sh('id=$(docker ps -q); docker update --restart no $id; docker kill $id'),
      )
      await during('and the network to another one is cut', () => fleet.cut(one as Server, three as Server))
      await fleet.mend(one as Server, three as Server)
      await during('it is back', () =>
        holder.sh('id=$(docker ps -aq | head -n 1); docker update --restart always $id; docker start $id'),
      )
      await during('nginx is stopped', () => holder.sh('systemctl stop nginx'))
      await Promise.all(fleet.servers.map(({ sh }) => sh('systemctl start nginx')))
      await during('a server is rebooted, without a word', () => holder.reboot({ hard: true }))
      await during('the storage restarts', async () => {
        await store.down()
        await store.up()
      })
      await during('a run changes settings on all', async () => {
        const more = JSON.parse(inputs['registry-config'] ?? '')
        succeeded(await step({ 'registry-config': JSON.stringify({ ...more, log: { level: 'warn' } }) }))
      })
    } finally {
      clients.stop()
      watching = false
      await Promise.all([running, watch])
      console.log(lines.join('\n'))
    }
  })

  test('one that is cut off from the storage answers by way of the others', async () => {
    const cut = one as Server
    const place = { domain: fleet.domain, ca: authority.trust, credentials: `ci:${passwords.ci}` }
    const clients = new Storm({ ...place, address: cut.address.v4 })
    await clients.push('detour', 'x1')
    // The registry’s packets come from a container, and the host’s own from a program such as the round trip.
    const chains = (['OUTPUT', 'FORWARD', 'DOCKER-USER'] as const).flatMap(chain => [
      `${chain} -d ${store.address.v4} -j DROP`,
      `${chain} -s ${store.address.v4} -j DROP`,
    ])
    const rules = [...chains, `INPUT -s ${store.address.v4} -j DROP`]
    const flag = `/run/berth-guard-${fleet.domain}/silent`
    const isSilent = async (server: Server) => (await server.run(`test -e ${flag}`)).code === 0
    try {
      // A chain that this Docker does not have needs no rule.
      for (const rule of rules) await cut.run(`iptables -I ${rule}`)
      await until('it knows that its storage does not answer', 90, () => isSilent(cut))
      expect(await Promise.all([two, three].map(each => isSilent(each as Server)))).toEqual([false, false])
      expect(await clients.pull('detour', 'x1')).toEqual([])
      // An upload goes the same way.
      await clients.push('detour', 'x2')
      expect(await clients.pull('detour', 'x2')).toEqual([])
      // One that another server asks does not ask a third, nor the first again.
      const asked = await cut.sh(
        `curl -sk --max-time 20 -o /dev/null -w '%{http_code}' -H 'X-Berth-Peer: 1' -u ci:${passwords.ci} --resolve ${fleet.domain}:443:127.0.0.1 https://${fleet.domain}/v2/detour/tags/list`,
      )
      expect(asked).toBe('503')
    } finally {
      for (const rule of rules) await cut.run(`iptables -D ${rule}`)
      clients.close()
    }
    await until('its storage answers again', 90, async () => !(await isSilent(cut)))
    succeeded(await step())
  })

  test('what was pulled at any of them is kept, and one of them deletes the rest', async () => {
    const place = { domain: fleet.domain, ca: authority.trust, credentials: `ci:${passwords.ci}` }
    const [first, third] = [one, three].map(each => new Storm({ ...place, address: each?.address.v4 ?? '' }))
    // Logs that go back further than the rule does.
    for (const each of fleet.servers)
      await each.sh(
        `date -d '3 days ago' '+192.0.2.1 - - [%d/%b/%Y:%H:%M:%S +0000] "GET /v2/_catalog HTTP/1.1" 200 2' >>/var/log/nginx/${fleet.domain}.access.log.1`,
      )
    for (const [tag, days] of [
      ['x1', 3],
      ['x2', 2],
    ] as const) {
      await first?.push('apart', tag)
      const links = `-path '*/repositories/apart/_manifests/tags/${tag}/*' -name link`
      await store.sh(`find /data ${links} -exec touch -d '${days} days ago' {} +`)
    }
    expect(await third?.pull('apart', 'x1')).toEqual([])
    for (const each of [first, third]) each?.close()
    for (const mode of ['plan', 'clean']) {
      const kept = succeeded(await step({ mode, keep: 'apart: { last: 1, pulled: 1 }' }))
      expect({ mode, deleted: kept.outputs.deleted }).toEqual({ mode, deleted: '[]' })
    }
    const gone = succeeded(await step({ mode: 'clean', keep: 'apart: { last: 1 }' }))
    expect(JSON.parse(gone.outputs.deleted ?? '')).toMatchObject([{ repository: 'apart', tag: 'x1' }])
  })

  describe('mode renew', () => {
    const renew = () => step({ mode: 'renew', users: '' })
    const expiring = (...some: (Server | undefined)[]) =>
      Promise.all(some.map(each => age({ ...(each as Server), domain: fleet.domain }, authority)))
    const days = (...some: (Server | undefined)[]) =>
      Promise.all(
        some.map(async each => {
          const served = await each?.sh(
            `openssl s_client -connect 127.0.0.1:443 -servername ${fleet.domain} </dev/null 2>/dev/null | openssl x509 -noout -enddate`,
          )
          return Math.round((Date.parse(served?.replace(/.*=/, '') ?? '') - Date.now()) / 86_400_000)
        }),
      )
    test('renews on each of them what is due there, as a scheduled job does', async () => {
      await lead(...fleet.servers)
      await expiring(one, three)
      expect(await days(one, two, three)).toEqual([1, 90, 1])
      const run = succeeded(await renew())
      expect(servers(run)).toEqual([one?.domain, three?.domain])
      expect(await days(one, two, three)).toEqual([90, 90, 90])
      expect(succeeded(await renew()).outputs.changed).toBe('false')
    })

    test('renews while one hangs, and names that; a challenge reaches who ordered, though the authority asks another one', async () => {
      await expiring(one, two)
      await lead(two as Server)
      await three?.freeze()
      try {
        const run = await renew()
        expect(run.code).toBe(1)
        expect(run.errors.join('\n')).toContain(`${three?.domain}: `)
        expect(run.errors.join('\n')).not.toMatch(new RegExp(`${one?.domain}: |${two?.domain}: `))
        expect(servers(run)).toEqual([one?.domain, two?.domain])
        expect(await days(one, two)).toEqual([90, 90])
      } finally {
        await three?.thaw()
      }
      expect(succeeded(await renew()).outputs.changed).toBe('false')
    })
  })

  test('one that can’t be reached fails the run after the others are done, and is named with what it still lets in', async () => {
    await two?.sh('systemctl stop ssh ssh.socket 2>/dev/null; pkill -x sshd; true')
    const run = await step({ users: `ci:${passwords.ci}\nbob:${passwords.bob}` })
    expect(run.code).toBe(1)
    expect(run.errors.join('\n')).toMatch(
      new RegExp(`${two?.domain}: .*[.?] Until a run has changed it, it lets in with an old password: alice`),
    )
    expect(run.log).toContain('the registry answers')
    for (const each of [one, three]) expect(await each?.sh('cut -d: -f1 /opt/berth/htpasswd')).toBe('ci\nbob')
    await two?.sh('systemctl start ssh')
    const next = succeeded(await step({ users: `ci:${passwords.ci}\nbob:${passwords.bob}` }))
    expect(servers(next)).toEqual([two?.domain])
  })

  test('one that is removed is told of, and is taken away in a run of its own', async () => {
    const rest = { ...fleet.some([one as Server, two as Server]), users: `ci:${passwords.ci}` }
    const run = succeeded(await step(rest))
    expect(run.log).toMatch(/is no longer listed as a server of .*, and still runs with the users/)
    expect(await one?.sh('cat /etc/nginx/sites-enabled/berth-*.conf')).not.toContain('.12:443')
    succeeded(await step({ ...fleet.some([three as Server]), mode: 'down' }))
    expect(await three?.sh('docker ps -aq; ls /etc/nginx/sites-enabled')).not.toContain('berth')
    expect(await three?.sh('ls /opt/berth')).toContain('htpasswd')
  })

  test('one that is new, in place of another, is set up, and the others go on', async () => {
    three = await fleet.replace(three as Server)
    await lead(...fleet.servers)
    const whole = { ...fleet.some(fleet.servers), users: `ci:${passwords.ci}` }
    const run = succeeded(await step(whole))
    // The others learn that there is one more.
    expect(servers(run).sort()).toEqual(fleet.servers.map(({ domain }) => domain))
    expect(JSON.parse(run.outputs.plan ?? '')).toEqual(
      expect.arrayContaining([expect.objectContaining({ server: three.domain, resource: 'certificate' })]),
    )
    const clients = new Storm({
      ...{ domain: fleet.domain, ca: authority.trust, credentials: `ci:${passwords.ci}` },
      address: three.address.v4,
    })
    expect(await clients.pull('apart', 'x2')).toEqual([])
    clients.close()
    expect((await step(whole)).outputs.changed).toBe('false')
  })
})

/** Whether its nginx answers, which is what keepalived would look at: it refuses a stranger, with 35 as curl has it. */
async function isWell(server: Server): Promise<boolean> {
  const { code } = await server
    .run('curl -sk --max-time 2 https://127.0.0.1/ || [ $? = 35 ]', { timeout: 5 })
    .catch(() => ({ code: 1 }))
  return code === 0
}
