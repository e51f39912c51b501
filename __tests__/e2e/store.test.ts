import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import {
  createRunner,
  createStore,
  hasStore,
  runStep,
  type StepOptions,
  type Store,
  until,
} from '../../lab/index.ts'
import { library } from '../../src/shell.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'
import { Storm } from './storm.ts'

// Images in object storage.

jest.setTimeout(400_000)

const there = await hasStore()
const described = there ? describe : describe.skip

let here: Registry
let store: Store

beforeAll(async () => {
  if (!there) return
  here = await registry()
  store = await createStore({ size: '200m' })
})

afterAll(async () => {
  await here?.server.remove()
  await store?.remove()
})

const client = () =>
  new Storm({
    domain: here.server.domain,
    address: here.server.address.v4,
    ca: here.world.acme.trust,
    credentials: `ci:${passwords.ci}`,
  })

/** What a user writes for the store of the lab. */
const bucket = () => ({
  's3-bucket': `${store.bucket}/registry`,
  's3-endpoint': store.endpoint,
  's3-region': store.region,
  's3-access-key': store.accessKey,
  's3-secret-key': store.secretKey,
})

const step = (inputs: Record<string, string> = {}, options: StepOptions = {}) =>
  here.step(
    { ...bucket(), ...inputs },
    { secrets: [here.inputs['ssh-key'] ?? '', here.inputs.users ?? ''], ...options },
  )

const link = (tag: string) =>
  `/data/${store.bucket}/registry/docker/registry/v2/repositories/team/app/_manifests/tags/${tag}/current/link`

described('a bucket', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    [
      'an unknown key',
      { 's3-access-key': 'nobody' },
      /write an object: 40\d \w+: .*access key.*correct `s3-access-key`/i,
    ],
    ['a wrong secret', { 's3-secret-key': 'wrong' }, /403 SignatureDoesNotMatch: .*correct `s3-secret-key`/],
    ['another bucket', { 's3-bucket': 'nowhere' }, /404 NoSuchBucket: .*create the bucket/],
    ['another region', { 's3-region': 'lab-2' }, /correct `s3-region`/],
    [
      'nobody there',
      { 's3-endpoint': 'http://127.0.0.1:7070' },
      /can’t be reached from this server \(Connection refused\)/,
    ],
    ['a name that is none', { 's3-endpoint': 'http://nobody.invalid' }, /does not find in DNS/],
    ['TLS where there is none', { 's3-endpoint': `https://${'ADDRESS'}` }, /does not speak TLS as it should/],
  ])('that refuses is told in its own words, before there is a registry: %s', async (_, inputs, message) => {
    const given = Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        name,
        value.replace('ADDRESS', new URL(store.endpoint).host),
      ]),
    )
    const run = await step(given)
    expect(run.code).toBe(1)
    expect(run.errors.join()).toMatch(message)
    expect(await here.server.sh('docker ps --all --quiet | wc -l')).toBe('0')
    expect(await store.sh(`find /data/${store.bucket} -type f | wc -l`)).toBe('0')
  })

  const actions = [
    ...['PutObject', 'GetObject', 'ListBucket', 'ListBucketMultipartUploads'],
    ...['ListMultipartUploadParts', 'AbortMultipartUpload', 'DeleteObject'],
  ]

  test('whose key may not do all that a registry does names what is missing', async () => {
    const own = await store.key('s3:ListBucket')
    const run = await step({ 's3-access-key': own.accessKey, 's3-secret-key': own.secretKey })
    expect(run.code).toBe(1)
    expect(run.errors.join()).toMatch(
      /does not let this server write an object: 403 AccessDenied: Access Denied; let this key do s3:PutObject in the bucket, and run again/,
    )
    const program = library('bucket/s3.py') + library('bucket/check.py')
    for (const missing of actions) {
      const { accessKey, secretKey } = await store.key(
        ...actions.filter(each => each !== missing).map(each => `s3:${each}`),
      )
      const { endpoint, region, bucket: name } = store
      const access = { bucket: name, folder: 'registry/', region, endpoint, accessKey, secretKey }
      await here.server.write('/tmp/access', JSON.stringify({ ...access, pathStyle: true }))
      const { code, stdout } = await here.server.run('python3 -I -c "$(cat)" 65532:65532 </tmp/access', {
        input: program,
      })
      expect({ missing, code, stdout }).toEqual({
        missing,
        code: 1,
        stdout: expect.stringMatching(new RegExp(`403 AccessDenied: .*; let this key do .*s3:${missing} `)),
      })
    }
    await store.sh(`rm -rf /data/${store.bucket}/registry`)
  })

  test('takes five lines, and keys show nowhere', async () => {
    // Left by a key that was not allowed to delete.
    if (store.files)
      await store.sh(
        `mkdir -p /data/${store.bucket}/registry/berth-check && touch -d '2 hours ago' /data/${store.bucket}/registry/berth-check/0badcafe`,
      )
    const run = succeeded(await step())
    expect(run.outputs.plan).toContain(`keep images in the bucket ${store.bucket}`)
    for (const key of [store.accessKey, store.secretKey]) {
      expect(run.log).not.toContain(key)
      expect(await here.server.sh(`grep -rlF ${key} /opt/berth /etc /run /var/log 2>/dev/null || :`)).toMatch(
        /^\/opt\/berth\/generations\/\w+\/config\.yml$/,
      )
    }
    expect(await here.server.sh('stat -c "%a %u" /opt/berth/generations/*/config.yml')).toBe('600 65532')
    const storm = client()
    await storm.push('team/app', '1')
    expect(await storm.pull('team/app', '1')).toEqual([])
    storm.close()
    await store.sh(`test -s ${link('1')} && ! test -e /data/${store.bucket}/registry/berth-check`)
    expect(await here.server.sh('find /opt/berth/data -type f | wc -l')).toBe('0')
  })

  test('is left alone by a run that has nothing to do', async () => {
    expect(succeeded(await step()).outputs.plan).toBe('[]')
  })

  test('to which the registry redirects takes a push, and the summary has the platform', async () => {
    succeeded(await step({ 's3-redirect': 'true' }))
    const runner = await createRunner()
    try {
      await runner.sh(
        `mkdir -p ~/moved && cd ~/moved && date +%s%N >version && printf 'FROM scratch\\nCOPY version /\\n' >Dockerfile && docker build -q -t app .`,
        { user: 'runner' },
      )
      const run = succeeded(
        await runStep(runner, {
          ...{ domain: here.server.domain, users: `ci:${passwords.ci}`, ca: here.inputs.ca ?? '' },
          ...{ mode: 'push', image: 'app => moved/app', tags: '1' },
        }),
      )
      expect(run.summary).toMatch(/linux\/(amd|arm)64/)
    } finally {
      await runner.remove()
      succeeded(await step())
    }
  })

  describe('is cleaned', () => {
    const folder = () => `/data/${store.bucket}/registry/docker/registry/v2`
    const keep = 'team/**: { last: 2, untagged: 0 }'
    const names = (json = '[]') =>
      JSON.parse(json).map(
        ({ repository, tag }: { repository: string; tag: string }) => `${repository}:${tag}`,
      )
    /** Python that knows the bucket by `settings`, beside what mode clean runs on the server. */
    const inBucket = (lines: string) => {
      const { endpoint, region, accessKey, secretKey } = store
      const access = { bucket: store.bucket, folder: 'registry/', region, endpoint, accessKey, secretKey }
      const programs = library('bucket/s3.py') + library('retention/bucket.py')
      return here.server.sh('python3 -I -', {
        input: `${programs.replace(/^if __name__[\s\S]*/m, '')}
settings = json.loads(${JSON.stringify(JSON.stringify({ ...access, pathStyle: true }))})
${lines}`,
      })
    }
    const clean = (inputs: Record<string, string> = {}) => step({ mode: 'clean', users: '', keep, ...inputs })
    let pushing: Storm

    beforeAll(async () => {
      if (!there) return
      pushing = client()
      // Others have no times to set, so that the tests of times are none for them.
      if (!store.files) return
      for (const tag of ['1', '2', '3', '4']) {
        await pushing.push('team/app', tag)
        await store.sh(`touch -d '${9 - Number(tag)} days ago' ${link(tag)}`)
      }
      // As if all of it had been there for days.
      await store.sh(`find ${folder()} -type f ! -path '*/current/link' -exec touch -d '9 days ago' {} +`)
      await here.server.sh(`: >/var/log/nginx/${here.server.domain}.access.log`)
    })
    afterAll(() => pushing?.close())

    test('of what keep does not keep, as mode plan foretells; the rest can be pulled', async () => {
      const plan = succeeded(await step({ mode: 'plan', keep })).outputs
      expect(names(plan.deleted)).toEqual(['team/app:2', 'team/app:1'])
      expect(Number(plan.freed)).toBeGreaterThan(10_000)
      const run = succeeded(await clean())
      expect(run.outputs).toMatchObject({ deleted: plan.deleted, freed: plan.freed })
      for (const tag of ['3', '4']) expect(await pushing.pull('team/app', tag)).toEqual([])
      for (const tag of ['1', '2']) expect(await pushing.pull('team/app', tag)).not.toEqual([])
      expect(succeeded(await clean()).outputs).toMatchObject({ deleted: '[]', changed: 'false' })
    })

    test('unless the key may not, or the clock is wrong, which the storage says', async () => {
      const own = await store.key('s3:ListBucket', 's3:GetObject')
      const run = await clean({ 's3-access-key': own.accessKey, 's3-secret-key': own.secretKey })
      expect(run.errors.join()).toMatch(
        /could not collect garbage: .*: 403 AccessDenied: Access Denied; let this key do s3:GetObject, s3:PutObject, .* in the bucket, and run again/,
      )
      await here.server.sh('apt-get update && apt-get install -y faketime')
      await here.server.write(
        '/usr/local/bin/python3',
        '#!/bin/sh\nexec faketime -f +1h /usr/bin/python3 "$@"\n',
        '755',
      )
      const skewed =
        /403 RequestTimeTooSkewed: .* too large; set the server’s clock \(`timedatectl .*, and run again/
      for (const inputs of [{ mode: 'clean', users: '', keep }, { 's3-bucket': store.bucket }]) {
        const refused = await step(inputs)
        expect(refused.code).toBe(1)
        expect(refused.errors.join()).toMatch(skewed)
      }
      await here.server.sh('rm /usr/local/bin/python3')
      for (const tag of ['3', '4']) expect(await pushing.pull('team/app', tag)).toEqual([])
    })

    test('and undone', async () => {
      expect(succeeded(await clean({ undo: 'true' })).log).toContain('put back 2 tags')
      for (const tag of ['1', '2', '3', '4']) expect(await pushing.pull('team/app', tag)).toEqual([])
      // When they were pushed is known still.
      expect(names(succeeded(await step({ mode: 'plan', keep })).outputs.deleted)).toEqual([
        'team/app:2',
        'team/app:1',
      ])
    })

    // A bucket has no rename, so this is where a tag could be lost.
    test.each([
      ['4', 'is pushed again while it is being deleted', '', 'team/app 4'],
      ['3', 'is so, and the run is killed before it sees that', 'os._exit(0)', ''],
    ])('but tag %s stays that %s', async (tag, _, end, changed) => {
      const said = await inBucket(`class Racing(Patient):
    def delete(self, key):
        if not key.endswith('tags/${tag}/current/link'):
            return super().delete(key)
        # What the registry does when the tag is pushed.
        folder = key[:-len('current/link')]
        self.ask('PUT', folder + 'index/' + entry(other) + '/link', body=other.encode())
        self.ask('PUT', key, body=other.encode())
        super().delete(key)
        ${end}
store = Store(Racing(settings, 60), 3)
other, _, _ = store.link('team/app', '2')
digest, pushed, _ = store.link('team/app', '${tag}')
if os.fork() == 0:
    store = Store(Racing(settings, 60), 3)
    print(store.untag(str(store.now), 'team/app', '${tag}', digest, str(int(pushed))), flush=True)
    os._exit(0)
os.wait()
store = Store(Patient(settings, 60), 3)
store.settle()
print(store.link('team/app', '${tag}')[0] == other)
`)
      expect(said).toBe(`${changed === '' ? '' : `${changed}\n`}True`)
      expect(await pushing.pull('team/app', tag)).toEqual([])
    })

    test('by one run at a time, from whichever server; one that was cut off there is not waited for for ever', async () => {
      const locks = `/data/${store.bucket}/registry/berth-aside/lock`
      // As a run on another server does that is killed in the middle of its work.
      await inBucket(`socket.gethostname = lambda: 'web2'
assert Lock(Store(Patient(settings, 60), 3), 'another').enter() is None
os._exit(0)
`)
      let waits: (line: string) => void
      const waiting = new Promise<string>(resolve => {
        waits = resolve
      })
      const run = step(
        { mode: 'clean', users: '', keep },
        { onLine: line => /waiting/.test(line) && waits(line) },
      )
      expect(await Promise.race([waiting, run.then(({ log }) => log)])).toMatch(
        /waiting: another run of mode `clean` is at work in this bucket, from web2 since 20\S+Z/,
      )
      expect(await store.sh(`ls ${locks} | wc -l`)).not.toBe('0')
      // Five minutes later.
      await store.sh(`touch -d '301 seconds ago' ${locks}/*`)
      succeeded(await run)
      expect(await store.sh(`find ${locks} -type f 2>/dev/null | wc -l`)).toBe('0')
    })

    test('and never by two that begin at once, nor by one that has been silent for too long', async () => {
      const said = await inBucket(`socket.gethostname = lambda: 'web2'
class Meeting(Patient):
    """Another one comes between what it writes and what it sees."""
    def list(self, prefix):
        if 'lock/' in prefix and not found:
            found.append(other.enter())
        return super().list(prefix)
found = []
other = Lock(Store(Patient(settings, 60), 3), 'another')
lock = Lock(Store(Meeting(settings, 60), 3), 'one')
print(lock.enter(), found[0][0])
lock.renewed -= LEASE
try:
    lock.bucket.delete('registry/berth-aside/none')
    print('deleted')
except OSError as error:
    print(error)
lock.renewed += LEASE
lock.leave()
`)
      expect(said).toBe('None web2\nit has not let this run say for 240 s that it is at work')
    })

    test('while clients push and pull: nothing is lost, also if it is killed', async () => {
      const clients = client()
      const running = clients.run(3)
      const until = performance.now() + 25_000
      try {
        for (let runs = 0; performance.now() < until; runs++) {
          const cleaning = clean({ keep: 'storm/aged/**: { last: 3 }', grace: '3s' })
          if (runs % 3 === 2) {
            await setTimeout(1500 + Math.random() * 1500)
            await here.server.sh(`pkill -9 -f 'python3 -I -c' || :`)
          }
          const run = await cleaning
          if (run.code !== 0 && runs % 3 !== 2) throw new Error(run.log)
        }
      } finally {
        clients.stop()
        await running
      }
      await setTimeout(4000)
      succeeded(await clean({ keep: 'storm/aged/**: { last: 3 }', grace: '3s' }))
      const lost = await clients.lost(repository => repository.startsWith('storm/kept/'))
      console.log(JSON.stringify({ ...clients.counts, other: clients.counts.other.length }))
      clients.close()
      expect({ lost, other: clients.counts.other }).toEqual({ lost: [], other: [] })
      expect(clients.counts.pushes).toBeGreaterThan(5)
    })
  })

  test('that is full refuses pushes, still serves pulls, and takes pushes as soon as there is room', async () => {
    const storm = client()
    await storm.push('team/app', 'full')
    await store.sh('cat /dev/zero >/data/filling 2>/dev/null || :')
    await expect(storm.push('team/app', 'more')).rejects.toThrow()
    expect(await storm.pull('team/app', 'full')).toEqual([])
    await store.sh('rm /data/filling')
    await storm.push('team/app', 'more')
    expect(await storm.lost(() => true)).toEqual([])
    storm.close()
  })

  test('behind a company’s own authority is trusted as soon as the server trusts that, also when it is replaced', async () => {
    const storm = client()
    const trust = async (authority: string) => {
      await here.server.write('/usr/local/share/ca-certificates/company.crt', authority)
      await here.server.sh('update-ca-certificates')
    }
    const summaries = (plan = '') => JSON.parse(plan).map(({ summary }: { summary: string }) => summary)

    const first = await store.secure()
    const refused = await step()
    expect(refused.code).toBe(1)
    expect(refused.errors.join()).toMatch(
      /a certificate that this server does not trust \(.*\); put the certificate of its authority into .*run `update-ca-certificates`/,
    )
    await trust(first)
    succeeded(await step())
    expect(await storm.lost(() => true)).toEqual([])
    await storm.push('team/secure', '1')
    expect(await storm.pull('team/secure', '1')).toEqual([])
    const keep = 'team/**: { last: 9 }'
    succeeded(await step({ mode: 'clean', users: '', keep }))
    expect(succeeded(await step()).outputs.plan).toBe('[]')

    await trust((await store.secure()) + first)
    // It may have been found by then that the registry does not reach it, which adds a trial.
    expect(summaries(succeeded(await step()).outputs.plan)).toContainEqual(
      expect.stringContaining('it does not know yet which authorities the server trusts'),
    )
    await storm.push('team/secure', '2')
    expect(await storm.pull('team/secure', '2')).toEqual([])
    expect(succeeded(await step()).outputs.plan).toBe('[]')
    // Registry 2.8 asks in the same way.
    succeeded(await step({ 'registry-image': 'registry:2.8.3' }))
    expect(await storm.pull('team/secure', '2')).toEqual([])
    storm.close()
  })

  describe('comes back by itself', () => {
    const ask = async (path: string) => {
      const { stdout } = await here.world.consumer.run(
        `curl -sk --max-time 20 -w '\n%{http_code} %{time_total}' -K - https://${here.server.domain}${path}`,
        { input: `user = "ci:${passwords.ci}"` },
      )
      return stdout
    }
    const pull = () => ask('/v2/team/app/tags/list')
    const answers = (what: string, seconds: number) =>
      until(`a pull gets ${what}`, seconds, async () => ((await pull()).includes(what) ? true : undefined))

    test('when its key was allowed nothing any more, which a run says in the words of the storage', async () => {
      const own = await store.key(...actions.map(each => `s3:${each}`))
      const inputs = { 's3-access-key': own.accessKey, 's3-secret-key': own.secretKey }
      succeeded(await step(inputs))
      await answers('"name":"team/app"', 60)
      const allow = await store.bar(own.accessKey)
      await answers('the object storage of this registry does not answer', 90)
      const run = await step(inputs)
      expect(run.code).toBe(1)
      expect(run.errors.join()).toMatch(
        /does not let this server write an object: 403 AccessDenied: .*; let this key do s3:PutObject in the bucket/,
      )
      await allow()
      await answers('"name":"team/app"', 60)
      expect(succeeded(await step(inputs)).outputs.plan).toBe('[]')
      succeeded(await step())
    })

    test.each<[string, () => Promise<void>, () => Promise<void>]>([
      ['when it was down', () => store.down(), () => store.up()],
      ['when it hung', () => store.freeze(), () => store.thaw()],
    ])('%s, and until then nobody waits for it', async (_, fail, recover) => {
      await answers('"name":"team/app"', 60)
      await fail()
      await answers('the object storage of this registry does not answer', 90)
      // From now on at once.
      const [status, seconds] = (await pull()).trim().split('\n').at(-1)?.split(' ') ?? []
      expect([status, Number(seconds) < 3]).toEqual(['503', true])
      const run = await step()
      expect(run.code).toBe(1)
      expect(run.log).toContain('the object storage does not answer the registry')
      expect(run.errors.join()).toMatch(/can’t be reached from this server|has not answered within 10 s/)
      await recover()
      await answers('"name":"team/app"', 60)
      expect(succeeded(await step()).outputs.plan).toBe('[]')
    })
  })
})
