import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createRunner, type Runner } from '../../../lab/index.ts'
import { passwords, type Registry, registry, succeeded } from '../registry.ts'

// Guessing is slowed down before a password is looked at, whatever the way of asking; who has the right one gets in.

jest.setTimeout(300_000)

/** Passwords that people thought of, which need a slow hash. */
const people = { dave: 'Tr0ub4dor&3', erin: 'correct horse' }

let here: Registry
/** The attacker’s machine, whose address others share. */
let attacker: Runner

beforeAll(async () => {
  ;[here, attacker] = await Promise.all([registry(), createRunner()])
  const users = Object.entries({ ...passwords, ...people }).map(entry => entry.join(':'))
  succeeded(await here.step({ users: users.join('\n') }))
  await attacker.write('/tmp/guess.mjs', readFileSync(join(import.meta.dirname, 'guess.mjs'), 'utf8'))
})
afterAll(() => Promise.all([here?.server.remove(), attacker?.remove()]))

/** Guesses for some seconds; returns what the attacker counted. */
const guess = async (way: string, user: string, seconds: number) =>
  JSON.parse(
    await attacker.sh(`node /tmp/guess.mjs '${way}' ${here.server.domain} ${user} ${seconds}`),
  ) as Record<'sent' | 'right', number>

/** Status and seconds of a request with a password, from a machine. */
async function ask(
  machine: Runner,
  name: string,
  password: string,
): Promise<[status: string, seconds: number]> {
  const said = await machine.sh(
    // All machines of the lab are in one IPv6 network of 64 bits, which counts as one address.
    `curl -4sk -o /dev/null -w '%{http_code} %{time_total}' -K - https://${here.server.domain}/v2/`,
    { input: `user = "${name}:${password}"` },
  )
  const [status = '', seconds] = said.split(' ')
  return [status, Number(seconds)]
}

/** Seconds after the first request of the attacker at which its passwords were looked at, as nginx’s log tells. */
async function looked(): Promise<number[]> {
  const log = `/var/log/nginx/${here.server.domain}.access.log`
  const lines = await here.server.sh(
    `awk -v v4=${attacker.address.v4} -v v6=${attacker.address.v6} '($1 == v4 || $1 == v6) && $9 != 429 { print substr($4, 14, 8) }' ${log}; : >${log}`,
  )
  const seconds = lines
    .split('\n')
    .filter(Boolean)
    .map(time => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0))
  const [first = 0] = seconds
  return seconds.map(each => each - first)
}

/** So that the next test begins with an address that nobody has guessed from. */
const forget = () => here.server.sh('systemctl restart nginx')

test.each(['hang up early', 'pipeline', 'http/2'])(
  '%s: at most 100 passwords are looked at in the first minute, and one a second after it',
  async way => {
    await forget()
    await here.server.sh(`: >/var/log/nginx/${here.server.domain}.access.log`)
    const { sent, right } = await guess(way, 'dave', 75)
    const times = await looked()
    console.log(`${way}: ${sent} guesses sent, ${times.length} looked at in 75 s`)
    expect(right).toBe(0)
    expect(sent).toBeGreaterThan(1000)
    // Counted from the first: a busy machine may look at a guess later than it may, and never earlier.
    const early = times.sort((a, b) => a - b).filter((second, before) => before >= 40 + second)
    expect(early).toEqual([])
  },
)

test('from an address that somebody guesses from, whoever has the right password gets in', async () => {
  await forget()
  // Known from before, and a person whom nobody guesses at.
  for (const [name, password] of Object.entries({ ci: passwords.ci, erin: people.erin }))
    expect((await ask(attacker, name, password))[0]).toBe('200')
  const guessing = guess('http/2', 'dave', 20)
  await attacker.sh('sleep 3')
  for (let round = 0; round < 5; round++) {
    expect((await ask(attacker, 'ci', passwords.ci))[0]).toBe('200')
    expect((await ask(attacker, 'erin', people.erin))[0]).toBe('200')
    // From elsewhere, the one who is guessed at.
    expect((await ask(here.world.consumer, 'dave', people.dave))[0]).toBe('200')
  }
  await guessing
})

test('guesses at a user with a slow hash starve nobody', async () => {
  await forget()
  const median = async () => {
    const times: number[] = []
    for (let round = 0; round < 15; round++) {
      const [status, seconds] = await ask(here.world.consumer, 'ci', passwords.ci)
      expect(status).toBe('200')
      times.push(seconds)
    }
    return times.sort((a, b) => a - b)[7] ?? 0
  }
  const before = await median()
  const guessing = guess('hang up early', 'dave', 30)
  await attacker.sh('sleep 10')
  const meanwhile = await median()
  await guessing
  const after = await median()
  console.log(`a right password took ${before} s before, ${meanwhile} s meanwhile, ${after} s after`)
  expect(after).toBeLessThan(before * 5 + 0.1)
  expect(meanwhile).toBeLessThan(before * 20 + 0.5)
})

test.each<[string, string, string]>([
  ['a machine’s', 'bob', passwords.bob],
  ['a person’s', 'erin', people.erin],
])(
  'whoever logs in for the first time with %s password can pull an image of many layers at once',
  async (_, name, password) => {
    await forget()
    const { consumer, runner } = here.world
    const { domain } = here.server
    const image = `guess-${randomBytes(3).toString('hex')}`
    const layers = Array.from({ length: 30 }, (_, index) => index)
    await runner.sh(
      `mkdir /tmp/${image} && cd /tmp/${image} && { echo FROM scratch; for i in ${layers.join(' ')}; do head -c 2000 /dev/urandom >$i; echo "COPY $i /"; done; } >Dockerfile && docker build -q -t ${image} . && rm -r /tmp/${image}`,
    )
    succeeded(
      await here.step({
        users: [...Object.entries({ ...passwords, ...people })].map(entry => entry.join(':')).join('\n'),
        image: `${image} => team/many:1`,
      }),
    )
    await here.server.sh(`systemctl restart berth-brake-${domain}`)
    await consumer.write(`/etc/docker/certs.d/${domain}/ca.crt`, here.world.acme.trust)
    await consumer.sh(
      `export DOCKER_CONFIG=$(mktemp -d); docker login -u ${name} --password-stdin ${domain} && docker pull -q ${domain}/team/many:1; code=$?; docker rmi -f ${domain}/team/many:1; rm -rf /etc/docker/certs.d/${domain}; exit $code`,
      { input: password },
    )
    await runner.run(`docker rmi -f ${image}`)
  },
)

test('without its service nobody is held up, and the next run puts that right', async () => {
  await here.server.sh(`systemctl disable --now berth-brake-${here.server.domain}`)
  for (let round = 0; round < 30; round++)
    expect((await ask(attacker, 'dave', `wrong-${round}`))[0]).toBe('401')
  const users = Object.entries({ ...passwords, ...people }).map(entry => entry.join(':'))
  const run = succeeded(await here.step({ users: users.join('\n') }))
  expect(run.outputs.plan).toContain('start berth-brake-')
  const answers: string[] = []
  for (let round = 0; round < 40; round++) answers.push((await ask(attacker, 'dave', `wrong-${round}`))[0])
  expect(answers).toContain('429')
})
