import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:https'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createServer, key, password, runStep, type Server, type World, world } from '../../lab/index.ts'
import { watch } from './watch.ts'

jest.setTimeout(300_000)

const passwords = { ci: password(), bob: password(), carol: password(), weak: 'Tr0ub4dor&3' }
const next = password()
const image = `users-${randomBytes(3).toString('hex')}`

let lab: World
let server: Server
let inputs: Record<string, string>

beforeAll(async () => {
  lab = await world()
  server = await createServer()
  inputs = {
    domain: server.domain,
    email: 'ops@example.com',
    'ssh-key': (await key()).private,
    'ssh-known-hosts': server.knownHosts,
    'acme-server': lab.acme.directory,
    ca: lab.acme.trust,
  }
  const layers = Array.from({ length: 20 }, (_, index) => `COPY ${index} /${index}`).join('\n')
  const build = (tool: string) =>
    `d=$(mktemp -d) && cd $d && for i in $(seq 0 19); do echo ${image} $i >$i; done && printf '%s' 'FROM scratch\n${layers}\n' >Dockerfile && ${tool} build -q -t ${image} . && rm -r $d`
  await lab.runner.sh(build('docker'), { user: 'runner' })
  await lab.consumer.sh(build('docker'))
  await lab.consumer.write(`/etc/docker/certs.d/${server.domain}/ca.crt`, lab.acme.trust)
})

afterAll(async () => {
  for (const machine of [lab?.runner, lab?.consumer])
    await machine?.run(`docker images -q ${image} | xargs -r docker rmi -f; rm -rf /tmp/${image}`)
  await lab?.consumer.run(`rm -rf /etc/docker/certs.d/${server?.domain}`)
  agent.destroy()
  await server?.remove()
})

/** Runs the step with these users. */
const up = (users: Record<string, string>, more: Record<string, string> = {}, debug = false) =>
  runStep(
    lab.runner,
    {
      ...inputs,
      users: Object.entries(users)
        .map(entry => `${entry.join(':')}\n`)
        .join(''),
      ...more,
    },
    { debug },
  )

test('no password shows anywhere while the step runs or after it', async () => {
  const secrets = Object.entries(passwords).flatMap(([name, secret]) => [
    secret,
    Buffer.from(`${name}:${secret}`).toString('base64'),
  ])
  const watches = await Promise.all([lab.runner, server].map(machine => watch(machine, secrets)))
  const run = await up(passwords, { image }, true)
  const [onRunner = [], onServer = []] = await Promise.all(watches.map(stop => stop()))
  expect(run.errors).toEqual([])
  expect(onServer).toEqual([])
  // GitHub's runner gives the action its inputs in the environment; from there they go no further.
  const beyond = onRunner.filter(seen => !/^environ node dist\/(post\/)?index\.js$/.test(seen))
  expect(onRunner.length).toBeGreaterThan(0)
  expect(beyond).toEqual([])

  const printed = run.raw.split('\n').filter(line => !line.startsWith('::add-mask::'))
  const said = [
    ...printed,
    run.post?.raw,
    run.log,
    run.summary,
    ...Object.values(run.outputs),
    ...Object.values(run.state),
  ]
  for (const secret of secrets) expect(said.join('\n')).not.toContain(secret)
  expect(run.log).toMatch(
    /^##\[warning\]users: the password in line 4 does not look machine-made.*openssl rand -base64 24/m,
  )

  await lab.runner.write(`/tmp/${image}/secrets`, secrets.map(secret => `${secret}\n`).join(''), '600')
  const left = await lab.runner.run(
    `grep -rlF -f /tmp/${image}/secrets ${run.job.temp} ${run.job.workspace} /home/runner/.docker /etc/docker /tmp --exclude-dir=${image} --exclude-dir='watch-*' 2>/dev/null`,
  )
  expect(left.stdout).toBe('')
  await server.write('/tmp/secrets', secrets.map(secret => `${secret}\n`).join(''), '600')
  const there = await server.run(
    'grep -rlF -f /tmp/secrets /opt/berth /etc/nginx /etc/letsencrypt /var/log /root /run --exclude-dir=docker 2>/dev/null; rm /tmp/secrets',
  )
  expect(there.stdout).toBe('')
  const hashes = await server.sh("grep -v '^#' /opt/berth/htpasswd | cut -c 1-12")
  expect(hashes.split('\n')).toEqual([
    expect.stringMatching(/^ci:\{SSHA\}/),
    expect.stringMatching(/^bob:\{SSHA\}/),
    expect.stringMatching(/^carol:\{SSHA/),
    'weak:$2b$08$',
  ])
})

test('a rotation takes effect within a second, under load, and disturbs nobody else', async () => {
  const started = 'docker inspect -f "{{.Id}} {{.State.StartedAt}}" $(docker ps -q)'
  const before = await server.sh(started)
  const ok = async (user: string, secret: string) => (await ask('GET', '/v2/', user, secret)).status

  // An upload of bob's that begins before the rotation and ends after it.
  const upload = await begin('bob', passwords.bob)
  const load = keepAsking('bob', passwords.bob)
  let last = 0
  const change = (async () => {
    for (;;) {
      const asked = performance.now()
      const status = await ok('ci', passwords.ci)
      if (status === 401) break
      expect(status).toBe(200)
      last = asked
    }
    const refused = performance.now() - last
    expect(await ok('ci', next)).toBe(200)
    return { refused, admitted: performance.now() - last }
  })()

  const run = await up({ ci: next, bob: passwords.bob, weak: passwords.weak, dave: password() })
  const { refused, admitted } = await change
  const answers = await load()
  const stored = await upload.finish()

  expect(run.errors).toEqual([])
  expect(JSON.parse(run.outputs.plan ?? '')).toEqual([
    { resource: 'users', action: 'update', summary: 'new password for ci' },
    { resource: 'users', action: 'delete', summary: 'revoke carol' },
    { resource: 'users', action: 'create', summary: 'add dave' },
  ])
  expect(run.log).toMatch(/^= users: keep bob, weak$/m)
  expect(run.log).toMatch(/^logged in as ci, dave$/m)
  console.log(
    `old refused after ${refused.toFixed(0)} ms, new admitted after ${admitted.toFixed(0)} ms, ${answers.length} requests of bob`,
  )
  expect(admitted).toBeLessThan(1000)
  expect(answers.length).toBeGreaterThan(20)
  expect(new Set(answers)).toEqual(new Set([200]))
  expect(stored).toBe(201)
  expect(await server.sh(started)).toBe(before)
  expect(await ok('carol', passwords.carol)).toBe(401)
  expect(await server.sh('grep -c "^carol:" /opt/berth/htpasswd || :')).toBe('0')
})

test('a user may have two passwords for as long as the consumers need to move', async () => {
  const run = await up({ ci: passwords.ci, 'ci+next': next })
  expect(run.errors).toEqual([])
  expect((await ask('GET', '/v2/', 'ci', passwords.ci)).status).toBe(200)
  expect((await ask('GET', '/v2/', 'ci+next', next)).status).toBe(200)
})

test('an htpasswd that somebody edited is as it was after the next run', async () => {
  const users = { ci: passwords.ci, bob: passwords.bob }
  await up(users)
  const before = await server.read('/opt/berth/htpasswd')
  await server.sh(
    `cd /opt/berth && { echo 'no colon in this line'; echo 'eve:{SHA}abc'; grep -v '^bob:' htpasswd; } >x && mv x htpasswd && chmod 644 htpasswd`,
  )
  const run = await up(users)
  expect(run.errors).toEqual([])
  expect(JSON.parse(run.outputs.plan ?? '')).toEqual([
    { resource: 'users', action: 'delete', summary: 'revoke eve' },
    { resource: 'users', action: 'create', summary: 'add bob' },
  ])
  const after = await server.read('/opt/berth/htpasswd')
  expect(after.split('\n').filter(line => line.startsWith('ci:'))).toEqual(
    before.split('\n').filter(line => line.startsWith('ci:')),
  )
  expect(await server.sh('stat -c "%a %U:%G" /opt/berth/htpasswd')).toBe('640 root:www-data')
  expect((await ask('GET', '/v2/', 'ci', passwords.ci)).status).toBe(200)
})

test('guessing is slow, and a push from the same address does not notice', async () => {
  const guess = `cat >/tmp/${image}-guess <<'END'
while [ ! -e /tmp/${image}-stop ]; do
  curl -s -o /dev/null -w '%{http_code}\\n' --cacert /etc/docker/certs.d/${server.domain}/ca.crt -u "ci:$RANDOM" https://${server.domain}/v2/
done
END
rm -f /tmp/${image}-stop; for i in 1 2 3 4 5 6 7 8; do bash /tmp/${image}-guess & done | sort | uniq -c`
  const started = performance.now()
  const guesses = lab.consumer.run(guess)
  const push = await lab.consumer.run(
    `export DOCKER_CONFIG=/tmp/${image}; docker login -u ci --password-stdin ${server.domain} && docker tag ${image} ${server.domain}/slow/app && docker push -q ${server.domain}/slow/app; code=$?; docker rmi ${server.domain}/slow/app; exit $code`,
    { input: passwords.ci },
  )
  const pushed = performance.now() - started
  await lab.consumer.sh(`sleep 2; touch /tmp/${image}-stop`)
  const { stdout } = await guesses
  const seconds = (performance.now() - started) / 1000
  console.log(`20 layers in ${pushed.toFixed(0)} ms; in ${seconds.toFixed(1)} s the guesser got\n${stdout}`)
  expect(push).toMatchObject({ code: 0 })
  // Twenty at once, and then one a second.
  expect(Number(/(\d+) 401/.exec(stdout)?.[1])).toBeLessThan(seconds + 25)
  expect(stdout).toMatch(/\d+ 429/)
})

test('without users nobody is revoked', async () => {
  const run = await up({})
  expect(run.errors).toEqual([
    expect.stringMatching(/^users: is empty.*is the secret that it comes from set/),
  ])
  expect((await ask('GET', '/v2/', 'ci', passwords.ci)).status).toBe(200)
})

test('a thousand users are hashed once', async () => {
  const thousand = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`user${index}`, password()]),
  )
  const first = await up(thousand)
  expect(first.errors).toEqual([])
  const second = await up(thousand)
  expect(second.outputs.changed).toBe('false')
  const third = await up({ ...thousand, user500: password() })
  expect(JSON.parse(third.outputs.plan ?? '')).toEqual([
    { resource: 'users', action: 'update', summary: 'new password for user500' },
  ])
  console.log(
    `1000 users: ${[first, second, third].map(({ milliseconds }) => milliseconds).join(', then ')} ms`,
  )
})

test('an open registry is one only on request, and with a warning', async () => {
  const run = await up({}, { auth: 'none' })
  expect(run.errors).toEqual([])
  expect(run.annotations).toContainEqual(
    expect.objectContaining({ level: 'warning', message: expect.stringMatching(/^auth: .*open registry/) }),
  )
  expect((await ask('GET', '/v2/')).status).toBe(200)
})

interface Answer {
  status: number
  location: string
}

const agent = new Agent({ keepAlive: true })

function ask(method: string, path: string, user = '', secret = '', body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: server.address.v4,
        servername: server.domain,
        headers: { host: server.domain },
        ca: lab.acme.trust,
        agent,
        method,
        path,
        ...(user && { auth: `${user}:${secret}` }),
      },
      incoming => {
        const { statusCode: status = 0, headers } = incoming
        incoming.resume().on('end', () => resolve({ status, location: headers.location ?? '' }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Asks again and again; the function that it returns ends it and tells every answer. */
function keepAsking(user: string, secret: string): () => Promise<number[]> {
  const answers: number[] = []
  let going = true
  const asking = (async () => {
    while (going) answers.push((await ask('GET', '/v2/', user, secret)).status)
  })()
  return async () => {
    going = false
    await asking
    return answers
  }
}

/** Begins to send a layer, and sends the rest of it when told to finish. */
async function begin(user: string, secret: string): Promise<{ finish(): Promise<number> }> {
  const { location } = await ask('POST', '/v2/slow/upload/blobs/uploads/', user, secret)
  const half = randomBytes(1 << 20)
  let next = ''
  const sent = new Promise<number>((resolve, reject) => {
    const outgoing = request(
      {
        host: server.address.v4,
        servername: server.domain,
        headers: { host: server.domain, 'content-type': 'application/octet-stream' },
        ca: lab.acme.trust,
        method: 'PATCH',
        path: location,
        auth: `${user}:${secret}`,
      },
      incoming => {
        next = incoming.headers.location ?? ''
        incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0))
      },
    )
    outgoing.on('error', reject)
    outgoing.write(half)
    finish = () => outgoing.end(half)
  })
  const { createHash } = await import('node:crypto')
  const digest = createHash('sha256').update(half).update(half).digest('hex')
  return {
    async finish() {
      finish()
      if ((await sent) !== 202) return sent
      return (await ask('PUT', `${next}&digest=sha256:${digest}`, user, secret)).status
    },
  }
}
let finish = () => {}
