import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { acme, createRunner, createServer, type Runner, runStep, type StepRun } from '../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from './registry.ts'

jest.setTimeout(120_000)

let here: Registry
/** Of this suite alone, for it kills what runs there. */
let runner: Runner

beforeAll(async () => {
  ;[here, runner] = await Promise.all([registry(), createRunner()])
})
afterAll(() => Promise.all([here?.server.remove(), runner?.remove()]))

const drop = (action: 'I' | 'D') =>
  `iptables -${action} INPUT -p tcp --dport 22 -j DROP; iptables -${action} OUTPUT -p tcp --sport 22 -j DROP`

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
  'the job is cancelled': () => runner.run('pkill -INT -f dist/index.js'),
}

/** Runs the step and cuts it off so many milliseconds after it has begun to change the server. */
async function cutOff(
  inputs: Record<string, string>,
  cut: () => Promise<unknown>,
  after: number,
): Promise<StepRun> {
  let cutting: Promise<unknown> | undefined
  const run = await runStep(
    runner,
    { ...here.inputs, ...inputs },
    {
      onLine: line => {
        if (/^[+~-] /.test(line)) cutting ??= new Promise(resolve => setTimeout(resolve, after)).then(cut)
      },
    },
  )
  await cutting
  return run
}

/** The moments of a sweep: as many as there are ways to be cut off, each way at another moment. */
const sweep = (total: number, rounds: number): [way: string, after: number][] => {
  const ways = Object.keys(cuts)
  const moments = ways.length * rounds
  return Array.from({ length: moments }, (_, index) => [
    ways[index % ways.length] ?? '',
    Math.round((total * index) / moments),
  ])
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
  test.each(sweep(5000, 2))('is repaired by running it again after %s at %d ms', async (way, after) => {
    await here.server.sh(`
docker rm -f $(docker ps --all --quiet) >/dev/null 2>&1
rm -rf /opt/berth /etc/nginx/sites-*/berth-* /etc/letsencrypt/live /etc/letsencrypt/archive /etc/letsencrypt/renewal \\
  /etc/letsencrypt/renewal-hooks/deploy/berth /etc/systemd/system/certbot.service.d /run/berth*
systemctl daemon-reload; systemctl restart nginx`)
    const run = await cutOff({}, cuts[way] ?? fail, after)
    if (run.code !== 0) expect(run.errors.every(error => !error.includes('    at '))).toBe(true)
    await converged()
  })
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

describe('a change', () => {
  let digest: string
  const change = {
    users: `ci:${passwords.ci}\nbob:${passwords.bob}`,
    'registry-image': 'registry:2.8.3',
    'registry-config': 'log: { level: warn }',
  }

  beforeAll(async () => {
    await runner.sh(
      'cd && date +%N >layer && printf "FROM scratch\\nCOPY layer /\\n" >Dockerfile && docker build -q -t app .',
      {
        user: 'runner',
      },
    )
    digest = succeeded(await step({ image: 'app' })).outputs.digest ?? ''
  })

  test.each(sweep(2500, 1))(
    'is repaired by running it again after %s at %d ms, and the image is there',
    async (way, after) => {
      succeeded(await step())
      await cutOff(change, cuts[way] ?? fail, after)
      await converged(change)
      const found = await here.server.sh(
        `curl -s -u ci:${passwords.ci} -o /dev/null -w '%{http_code}' http://localhost:5000/v2/app/manifests/${digest}`,
      )
      expect(found).toBe('200')
    },
  )
})

function fail(): never {
  throw new Error('no such way')
}
