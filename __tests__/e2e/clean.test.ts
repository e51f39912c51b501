import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { until } from '../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'
import { Storm } from './storm.ts'

// Mode clean: what goes, what stays, and that nothing is ever lost.

/** How long clients push and pull while it runs back to back: a moment here, minutes by `script/soak`. */
const seconds = Number(process.env.BERTH_STORM ?? 15)

jest.setTimeout(400_000 + seconds * 4000)

let here: Registry
let domain: string
const data = '/opt/berth/data'
const store = `${data}/docker/registry/v2`
const images = () =>
  here.world.hub.registryTags.includes('3.1.2') ? ['registry:3.1.2', 'registry:2.8.3'] : ['registry:2.8.3']

beforeAll(async () => {
  here = await registry()
  domain = here.server.domain
  // A disk of its own, which can be filled, and a clock for what collects: all machines of the lab have that of this one.
  await here.server.sh(`mkdir -p ${data} && mount -t tmpfs -o size=400m tmpfs ${data}`)
  await here.server.write('/usr/local/bin/perl', otherClock, '755')
  succeeded(await here.step())
})

afterAll(async () => {
  await here?.server.remove()
})

const otherClock = `#!/bin/sh
if [ "$3" = collect ] && [ -e /root/jump ]; then
  code="BEGIN { *CORE::GLOBAL::time = sub { CORE::time() + $(cat /root/jump) } }
$2"
  shift 2
  exec /usr/bin/perl -e "$code" "$@"
fi
exec /usr/bin/perl "$@"
`

/** Fills the disk until so many bytes are left; others may be quicker. */
const fill = (left: number) =>
  here.server.run(
    `head -c $(($(df --output=avail -B1 ${data} | tail -n 1) - ${left})) /dev/zero >${data}/ballast`,
  )
const empty = () => here.server.sh(`rm -f ${data}/ballast`)

const storm = () =>
  new Storm({
    domain,
    address: here.server.address.v4,
    ca: here.world.acme.trust,
    credentials: `ci:${passwords.ci}`,
  })

/** As if all that is there had been pushed and pulled so long ago. */
const age = (days: number, under = 'repositories') =>
  here.server.sh(
    `find ${store}/${under} ${store}/blobs -type f -exec touch -d '${days} days ago' {} + && : >/var/log/nginx/${domain}.access.log`,
  )

const clean = (inputs: Record<string, string> = {}) => here.step({ mode: 'clean', users: '', ...inputs })

describe('what keep says', () => {
  const keep = `
    team/**: { tags: ['v*'], last: 2 }
    cache/**: { last: 1 }`
  let pushing: Storm
  beforeAll(async () => {
    pushing = storm()
    for (const [repository, tags] of [
      ['team/app', ['v1', 'a', 'b', 'c', 'd']],
      ['cache/app', ['1', '2']],
      ['other/app', ['x', 'y']],
    ] as const)
      for (const tag of tags) await pushing.push(repository, tag)
    await age(3)
    // What is pushed last has the newest time again.
    for (const tag of ['c', 'd'])
      await here.server.sh(
        `touch -d '2 days ago' ${store}/repositories/team/app/_manifests/tags/${tag}/current/link`,
      )
    await here.server.sh(
      `touch -d '2 days ago' ${store}/repositories/cache/app/_manifests/tags/2/current/link`,
    )
  })
  afterAll(() => pushing.close())

  const deleted = ['cache/app:1', 'team/app:a', 'team/app:b']
  const names = (json = '[]') =>
    JSON.parse(json)
      .map(({ repository, tag }: { repository: string; tag: string }) => `${repository}:${tag}`)
      .sort()

  test('mode plan shows what would go, and why, and changes nothing', async () => {
    const run = succeeded(await here.step({ mode: 'plan', keep }))
    expect(names(run.outputs.deleted)).toEqual(deleted)
    expect(Number(run.outputs.freed)).toBeGreaterThan(1000)
    expect(run.log).toMatch(/- team\/app:a sha256:[0-9a-f]{12} .*: \d newer \(last: 2\), not in `tags`/)
    expect(run.summary).toContain('Mode `clean` would delete')
    expect(await pushing.lost(() => true)).toEqual([])
  })

  test('mode clean does it, frees the room that was told, and the rest can be pulled', async () => {
    // What was just pulled may still be pulled: its layers stay.
    await here.server.sh(`find ${store}/repositories -type f -exec touch -a -d '3 days ago' {} +`)
    const foreseen = succeeded(await here.step({ mode: 'plan', keep })).outputs
    const run = succeeded(await clean({ keep }))
    expect(names(run.outputs.deleted)).toEqual(deleted)
    expect([run.outputs.freed, run.outputs.changed]).toEqual([foreseen.freed, 'true'])
    for (const each of deleted) pushing.tags.delete(each)
    expect(await pushing.lost(() => true)).toEqual([])
    await here.server.sh(
      'echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/count.conf && systemctl reload ssh && journalctl --rotate --vacuum-time=1s',
    )
    const again = succeeded(await clean({ keep }))
    expect([again.outputs.deleted, again.outputs.changed]).toEqual(['[]', 'false'])
    const count = (what: string) =>
      here.server.sh(`journalctl --sync; journalctl -o cat | grep -c '^${what}'`)
    expect([await count('Accepted publickey'), await count('Starting session')]).toEqual(['1', '2'])
  })

  test('undo puts it back', async () => {
    const run = succeeded(await clean({ undo: 'true' }))
    expect(run.log).toContain('put back 3 tags')
    for (const each of deleted) {
      const [repository = '', tag = ''] = each.split(':')
      expect(await pushing.pull(repository, tag)).toEqual([])
    }
    succeeded(await clean({ keep }))
  })

  test('what was set aside is deleted a day later, or when the disk is short of room', async () => {
    const aside = () => here.server.sh(`ls ${data}/aside | grep -c '^[0-9]' || :`)
    expect(await aside()).toBe('1')
    await here.server.sh(`cd ${data}/aside && for run in [0-9]*; do mv $run $((run - 100000)); done`)
    succeeded(await clean({ keep }))
    expect(await aside()).toBe('0')
  })

  test('a rule that would leave nothing is refused, and nothing is touched', async () => {
    const run = await clean({ keep: 'team/**: { tags: [nothing] }' })
    expect(run.code).toBe(1)
    expect(run.errors.join()).toContain('would leave nothing in team/app')
    expect(await pushing.lost(() => true)).toEqual([])
  })

  test('a pull counts', async () => {
    await age(40)
    expect(await pushing.pull('other/app', 'x')).toEqual([])
    const run = succeeded(await here.step({ mode: 'plan', keep: 'other/**: { pulled: 30 }' }))
    expect(names(run.outputs.deleted)).toEqual(['other/app:y'])
    // nginx's logs know it too, rotated ones as well.
    await age(40)
    await here.server.sh(
      `cd /var/log/nginx && echo "192.0.2.7 - ci [$(date -d '20 days ago' '+%d/%b/%Y:%T %z')] \\"GET /v2/other/app/manifests/y HTTP/1.1\\" 200 5 \\"-\\" \\"-\\"" | gzip >${domain}.access.log.2.gz`,
    )
    const logged = succeeded(await here.step({ mode: 'plan', keep: 'other/**: { pulled: 30 }' }))
    expect(names(logged.outputs.deleted)).toEqual(['other/app:x'])
  })
})

test('where the disk is short of room, what is set aside is deleted before pushes are refused', async () => {
  const folder = `${store}/blobs/sha256/00/${'0'.repeat(64)}`
  await here.server.sh(
    `mkdir -p ${folder} && head -c 90000000 /dev/zero >${folder}/data && touch -d '9 days ago' ${folder}/data && chown -R 65532:65532 ${store}/blobs`,
  )
  const run = succeeded(await clean())
  expect(Number(run.outputs.freed)).toBeGreaterThanOrEqual(90e6)
  const free = () => here.server.sh(`df --output=avail -B1 ${data} | tail -n 1`).then(Number)
  await fill(70e6)
  await until('what was aside is deleted', 30, async () => ((await free()) > 150e6 ? true : undefined))
  expect(await here.server.sh(`ls ${data}/aside; test -e /run/berth-guard-${domain}/full || echo open`)).toBe(
    'lock\nopen',
  )
  await empty()
})

/** What happens to a run of clean in a storm, one after another. */
const events = ['nothing', 'killed', 'clock moves', 'disk full', 'clock jumps'] as const

describe.each([0, 1])('a storm of pushes, pulls and deletes while clean runs back to back (%i)', number => {
  const keep = 'storm/aged/**: { last: 3 }'
  const image = () => images()[number]
  let clients: Storm
  afterAll(() => clients?.close())

  /** Clients push and pull as long as `work` takes. */
  async function working(work: () => Promise<void>): Promise<void> {
    const running = clients.run(5)
    try {
      await work()
    } finally {
      clients.stop()
      await running
    }
  }

  test('nothing is lost while runs are killed, the clock jumps and the disk fills', async () => {
    const version = image()
    if (version === undefined) return
    succeeded(await here.step({ 'registry-image': version }))
    clients = storm()
    const told: string[] = []
    await working(async () => {
      const end = performance.now() + seconds * 1000
      for (let runs = 0; performance.now() < end || runs < events.length; runs++) {
        const event = events[runs % events.length] ?? 'nothing'
        told.push(`${event}: ${await cleanThrough(event)}`)
      }
    })
    await setTimeout(4000)
    const last = succeeded(await clean({ keep, grace: '3s' }))
    const lost = await clients.lost(repository => repository.startsWith('storm/kept/'))
    const aged = await agedTags(clients)
    console.log(
      `${version}:\n${[...new Set(told)].join('\n')}\n${JSON.stringify({ ...clients.counts, other: clients.counts.other.length })}; ${clients.tags.size} tags; the last: ${last.log.trim().split('\n').at(-1)}`,
    )
    expect(lost).toEqual([])
    expect(aged).toEqual([])
    expect(clients.counts.other).toEqual([])
    expect(clients.counts.pushes).toBeGreaterThan(20)
  })

  test('with the grace that everybody has, no push is refused and no pull fails', async () => {
    if (image() === undefined) return
    await age(3)
    Object.assign(clients.counts, { pushes: 0, refused: 0, failedPulls: 0 })
    let deleted = 0
    await working(async () => {
      const end = performance.now() + (seconds * 1000) / 3
      do {
        deleted += JSON.parse(succeeded(await clean({ keep })).outputs.deleted ?? '[]').length
      } while (performance.now() < end)
    })
    const { pushes, refused, failedPulls, other } = clients.counts
    const lost = await clients.lost(repository => repository.startsWith('storm/kept/'))
    console.log(`${image()}: ${pushes} pushes, ${deleted} tags deleted`)
    expect({ lost, refused, failedPulls, other }).toEqual({ lost: [], refused: 0, failedPulls: 0, other: [] })
    expect(deleted).toBeGreaterThan(0)
  })

  /** One run of clean, and what came of it. */
  async function cleanThrough(event: (typeof events)[number]): Promise<string> {
    const { server } = here
    const begin = () => clean({ keep, grace: '3s' })
    switch (event) {
      case 'nothing':
        succeeded(await begin())
        return 'done'
      case 'killed': {
        const cleaning = begin()
        // At whatever it is doing. Its arguments come after the program, which is long.
        await server.run(
          `for i in $(seq 600); do for each in $(pgrep -u 65532 perl); do tail -c 99 /proc/$each/cmdline | grep -qa collect || continue
            sleep 0.0${Math.floor(Math.random() * 10)}; kill -9 $each; break 2; done; sleep 0.05; done`,
        )
        return (await cleaning).code === 0 ? 'done before' : 'cut off'
      }
      case 'clock moves':
        // By less than anybody could tell from a run that had to wait.
        await server.sh('echo 3000 >/root/jump')
        succeeded(await begin())
        await server.sh('rm /root/jump')
        return 'done'
      case 'clock jumps': {
        await server.sh(`echo ${Math.random() < 0.5 ? '-' : ''}259200 >/root/jump`)
        const run = await begin()
        await server.sh('rm /root/jump')
        expect(run.errors.join()).toMatch(/the clock has jumped by -?4\d\d\d minutes/)
        return 'refused'
      }
      case 'disk full': {
        clients.inTrouble = true
        await fill(0)
        const run = await begin()
        await empty()
        if (run.code !== 0) expect(run.errors.join()).toContain('No space left on device')
        await until('uploads are taken again', 30, async () =>
          (
            await server.run(
              `! test -e /run/berth-guard-${domain}/full && curl -sf --unix-socket /opt/berth/registry.sock http://registry/v2/`,
            )
          ).code === 0
            ? true
            : undefined,
        )
        clients.inTrouble = false
        return run.code === 0 ? 'done' : 'no room'
      }
    }
  }

  /** The three that were pushed last to each repository must be there, and whole. */
  async function agedTags(clients: Storm): Promise<string[]> {
    const byRepository = new Map<string, string[]>()
    for (const name of clients.tags.keys()) {
      const [repository = '', tag = ''] = name.split(':')
      if (!repository.startsWith('storm/aged/') || tag.startsWith('sha256-')) continue
      byRepository.set(repository, [...(byRepository.get(repository) ?? []), tag])
    }
    const problems: string[] = []
    for (const [repository, tags] of byRepository)
      for (const tag of tags.slice(-3))
        if (clients.tags.get(`${repository}:${tag}`) !== '')
          problems.push(...(await clients.pull(repository, tag)))
    return problems
  }
})
