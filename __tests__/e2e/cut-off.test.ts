import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { acme, createRunner, createServer, type Runner, runStep, type StepRun } from '../../lab/index.ts'
import { age } from './age.ts'
import { moment } from './moment.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(240_000)

let here: Registry
/** Of this suite alone, for it kills what runs there. */
let runner: Runner

beforeAll(async () => {
  ;[here, runner] = await Promise.all([registry(), createRunner()])
})
afterAll(() => Promise.all([here?.server.remove(), runner?.remove()]))

const drop = (action: 'I' | 'D') =>
  `for tables in iptables ip6tables; do
    $tables -${action} INPUT -p tcp --dport 22 -j DROP; $tables -${action} OUTPUT -p tcp --sport 22 -j DROP
  done`

/** Takes everything away but packages and the account at the authority. */
const bare = `
docker ps --all --quiet | xargs -r docker rm -f >/dev/null
rm -rf /opt/berth /etc/nginx/sites-*/berth-* /etc/letsencrypt/live /etc/letsencrypt/archive /etc/letsencrypt/renewal \\
  /etc/letsencrypt/renewal-hooks/deploy/berth /etc/systemd/system/certbot.service.d /run/berth*
systemctl daemon-reload; systemctl restart nginx`

/** Ways to be cut off; each is called while the step is at work. */
const cuts: Record<string, () => Promise<unknown>> = {
  'the SSH client is killed': () => runner.run('pkill -KILL -x ssh'),
  'the action is killed': () => runner.run('pkill -KILL -f dist/index.js'),
  'the remote script is killed': () => here.server.run("pkill -KILL -f '^sh -s'"),
  'the network goes away': async () => {
    await here.server.run(drop('I'))
    await runner.run('pkill -KILL -x ssh')
    await here.server.run(drop('D'))
  },
  'certbot is killed': () => here.server.run('pkill -KILL -x certbot'),
  'the job is cancelled': () => runner.run('pkill -INT -f dist/index.js'),
  'the runner is shut down': () => runner.run('pkill -TERM -f dist/index.js'),
}

/** Runs the step and cuts it off so many milliseconds after a moment, which has to come. */
async function cutOff(
  inputs: Record<string, string>,
  cut: () => Promise<unknown>,
  after: number,
  when = 'the plan',
): Promise<StepRun> {
  let cutting: Promise<unknown> | undefined
  const run = await runStep(
    runner,
    { ...here.inputs, ...inputs },
    {
      onLine: line => {
        if (moment(when).test(line)) cutting ??= new Promise(resolve => setTimeout(resolve, after)).then(cut)
      },
    },
  )
  expect(cutting).toBeDefined()
  await cutting
  return run
}

/** Each way in turn, so many milliseconds after each of the moments. */
const sweep = (moments: string[], delays: number[]): [way: string, after: number, moment: string][] => {
  const ways = Object.keys(cuts)
  return moments
    .flatMap(moment => delays.map(after => [after, moment] as const))
    .map(([after, moment], index) => [ways[index % ways.length] ?? '', after, moment])
}

const step = (inputs: Record<string, string> = {}) => runStep(runner, { ...here.inputs, ...inputs })

/** What must be true after a run, however the one before it ended. */
async function converged(inputs: Record<string, string> = {}): Promise<void> {
  succeeded(await step(inputs))
  const again = succeeded(await step(inputs))
  expect(again.outputs.plan).toBe('[]')
  expect(await here.server.sh('find / -xdev -name "*.berth-new" -o -xdev -name "*.berth-old"')).toBe('')
}

describe('a first `up`', () => {
  const moments = ['the plan', 'registry', 'certificate', 'site', 'users', 'renewal']

  test.each(sweep(moments, [0, 700]))(
    'is repaired by running it again after %s %d ms after %s',
    async (way, after, moment) => {
      await here.server.sh(bare)
      const run = await cutOff({}, cuts[way] ?? fail, after, moment)
      if (run.code !== 0) expect(run.errors.every(error => !error.includes('    at '))).toBe(true)
      await converged()
    },
  )
})

test('a job that is cancelled ends on the server with the steps that are at work', async () => {
  await here.server.sh(bare)
  const run = await cutOff({}, cuts['the job is cancelled'] ?? fail, 0, 'registry')
  expect(run.code).toBe(130)
  expect(run.errors).toEqual(['the run was cancelled; run the workflow again'])
  await here.server.sh('flock -w 60 /run/berth.lock true')
  // The certificate was just being ordered, through a site on port 80; what comes after it was left.
  expect(
    await here.server.sh(
      "grep -l 'listen 443' /etc/nginx/sites-enabled/berth-*; ls /etc/letsencrypt/renewal-hooks/deploy",
    ),
  ).toBe('')
  expect(await here.server.sh('docker ps --format "{{.Names}}"')).toContain(
    `berth-${here.server.domain.replaceAll('.', '-')}`,
  )
  await converged()
})

test('a network that does not come back ends the run within two minutes, and the next run goes on', async () => {
  await here.server.sh(bare)
  const started = Date.now()
  const run = await cutOff({}, () => here.server.sh(drop('I')), 0, 'registry')
  await here.server.sh(drop('D'))
  expect(run.errors).toEqual([
    `the connection to ${here.server.domain} was lost halfway; run the workflow again, which continues from there`,
  ])
  expect(run.orphans).toEqual([])
  expect(Date.now() - started).toBeLessThan(120_000)
  await converged()
})

// Let’s Encrypt remembers for hours or days that a name was proven, and does not ask for it again.
test('one run is enough also where the authority remembers the order that was cut off', async () => {
  const authority = await acme({
    name: `remembering-${randomBytes(2).toString('hex')}`,
    env: { PEBBLE_AUTHZREUSE: '100' },
  })
  const server = await createServer()
  try {
    const inputs = {
      domain: server.domain,
      'ssh-known-hosts': server.knownHosts,
      'acme-server': authority.directory,
      ca: authority.trust,
    }
    succeeded(await step(inputs))
    const conf = `/etc/letsencrypt/renewal/${server.domain}.conf`
    await server.sh(`rm -r /etc/letsencrypt/live /etc/letsencrypt/archive ${conf}`)
    succeeded(await step(inputs))
    expect(await authority.validations(server.domain)).toBe(1)
    expect(succeeded(await step(inputs)).outputs.plan).toBe('[]')
  } finally {
    await Promise.all([server.remove(), authority.remove()])
  }
})

describe('with an image', () => {
  let digest: string

  beforeAll(async () => {
    const { server, world } = here
    await runner.write(`/etc/docker/certs.d/${server.domain}/ca.crt`, world.acme.trust)
    const build =
      'date +%N >layer && printf "FROM scratch\\nCOPY layer /\\n" >Dockerfile && docker build -q -t app .'
    await runner.sh(`cd && ${build}`, { user: 'runner' })
    digest = succeeded(await step({ image: 'app' })).outputs.digest ?? ''
  })

  /** The image is on no other machine than the server before it is pulled. */
  async function pulls(): Promise<void> {
    const { domain } = here.server
    await runner.sh(
      `docker image prune --all --force && docker login -u ci --password-stdin ${domain} && docker pull ${domain}/app@${digest}`,
      { user: 'runner', input: passwords.ci },
    )
  }

  const change = {
    users: `ci:${passwords.ci}\nbob:${passwords.bob}`,
    'registry-image': 'registry:2.8.3',
    'registry-config': 'log: { level: warn }',
  }

  test.each(sweep(['the plan', 'users'], [0, 500, 1500]))(
    'a change is repaired by running it again after %s %d ms after %s, and the image is there',
    async (way, after, moment) => {
      succeeded(await step())
      await cutOff(change, cuts[way] ?? fail, after, moment)
      await converged(change)
      await pulls()
    },
  )

  test.each(
    sweep(
      ['the plan'],
      Array.from({ length: 12 }, (_, index) => index * 333),
    ),
  )(
    'a renewal is repaired by running it again after %s %d ms after %s, and the image is there',
    async (way, after) => {
      await age(here.server, here.world.acme)
      await cutOff(renewal, cuts[way] ?? fail, after)
      // It fails if what is served is not valid, or not what is on the server’s disk.
      const repaired = succeeded(await step(renewal))
      const left = Date.parse(repaired.outputs['certificate-expires'] ?? '') - Date.now()
      expect(left).toBeGreaterThan(80 * 24 * 60 * 60 * 1000)
      expect(succeeded(await step(renewal)).outputs.changed).toBe('false')
      await converged(change)
      await pulls()
    },
  )
})

const renewal = { mode: 'renew', users: '' }

function fail(): never {
  throw new Error('no such way')
}
