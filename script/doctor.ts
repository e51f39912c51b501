import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { isIP } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Credentials } from '../src/desired.ts'
import { count, daysUntil } from '../src/format.ts'
import { Endpoint } from '../src/registry/endpoint.ts'
import type { Answer } from '../src/registry/transport.ts'
import { Preflight } from '../src/resources/certificate/preflight.ts'

const help = `script/doctor DOMAIN [--ca FILE] [--login]: what is wrong with a registry, as seen from this machine

  --ca FILE  a PEM bundle to trust besides the public authorities
  --login    log in as well, with a line name:password from stdin: nginx asks for
             passwords, so only somebody with a password learns whether the
             registry answers

It asks and changes nothing. One line for each check; the exit code is 1 if anything is wrong.`

let sick = false

/** Prints a line for a check: what it says, or what it throws, which is what is wrong. */
async function check(what: string, work: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok     ${what}: ${await work()}`)
  } catch (error) {
    sick = true
    console.log(`WRONG  ${what}: ${(error as Error).message}`)
  }
}

async function examine(domain: string, ca: string | undefined, user: Credentials | undefined): Promise<void> {
  const resolved = new Preflight(domain).resolve([])
  await check('DNS', async () => `${domain} is ${(await resolved).join(' and ')}`)
  for (const address of await resolved.catch(() => [])) {
    if (!(await isRouted(address))) {
      console.log(`?      ${address}: not checked, because this machine has no IPv6`)
      continue
    }
    const endpoint = new Endpoint(domain, ca, { address })
    await check(`port 80 at ${address}`, () => plain(address, domain))
    const asked = endpoint.ask('GET', '/v2/')
    await check(`port 443 at ${address}`, () =>
      asked.then(() => 'HTTPS, with a certificate that is trusted here'),
    )
    const answer = await asked.catch(() => undefined)
    if (answer) {
      await check('certificate', () => validity(answer))
      await check('registry', () => challenge(answer))
      if (user) await check(`login as ${user.name}`, () => login(endpoint, user))
    }
    endpoint.close()
  }
}

/** Whether there is a way from here at all: many networks, and GitHub’s runners, have none to IPv6. Nothing is sent. */
function isRouted(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
    const tell = (routed: boolean) => {
      socket.close()
      resolve(routed)
    }
    socket
      .once('connect', () => tell(true))
      .once('error', () => tell(false))
      .connect(443, address)
  })
}

/** Milliseconds until an address counts as silent. */
const patience = 10_000

/** Where the certificate authority looks, and where people come in who type no https://. */
function plain(address: string, domain: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: address, path: '/v2/', headers: { host: domain }, timeout: patience })
    outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
    outgoing.on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
      const words = code === 'ECONNREFUSED' ? 'refuses connections' : `does not answer (${code || message})`
      reject(new Error(`${words}; start nginx, and let everybody in: the certificate is renewed through it`))
    })
    outgoing.on('response', ({ statusCode, headers: { location } }) => {
      outgoing.destroy()
      if (location?.startsWith(`https://${domain}/`)) resolve('redirects to HTTPS')
      else
        reject(
          new Error(
            `answers ${statusCode}, not Berth’s redirect to HTTPS; does this address belong to the server?`,
          ),
        )
    })
    outgoing.end()
  })
}

/** Days before a renewal is late: it is tried twice a day from the day on which it is due. */
const grace = 5

async function validity({ certificate }: Answer): Promise<string> {
  if (!certificate) throw new Error('none was shown')
  const { validFromDate, validToDate } = certificate
  const left = daysUntil(validToDate, Date.now())
  const due = Math.min(30, daysUntil(validToDate, validFromDate.getTime()) / 3)
  const said = `valid for ${count(left, 'day')} more, until ${validToDate.toISOString().slice(0, 10)}`
  if (left < due - grace)
    throw new Error(`${said}, so it should have been renewed; run mode \`renew\`, which says why it was not`)
  return said
}

async function challenge({ status, headers, body }: Answer): Promise<string> {
  if (status >= 500) throw new Error(down(status))
  if (headers['docker-distribution-api-version'] === undefined)
    throw new Error(`answers ${status}: this is no registry; does the name point to the right server?`)
  if (status === 200) return 'open to everybody: no password is asked for'
  if (status === 401 && /^Basic /i.test(String(headers['www-authenticate']))) return 'asks for a password'
  throw new Error(`answers ${status}: ${body.trim().slice(0, 200)}`)
}

const down = (status: number) =>
  `answers ${status}: nginx is up but the registry is not; look at \`docker ps -a\` and its log on the server`

async function login(endpoint: Endpoint, user: Credentials): Promise<string> {
  const { status } = await endpoint.ask('GET', '/v2/', user)
  if (status === 401)
    throw new Error('refused; is this the password in the secret, and has mode `up` run since?')
  if (status === 429)
    throw new Error('answers 429: too many wrong passwords came from this address; try again in a minute')
  if (status !== 200) throw new Error(down(status))
  return 'works'
}

/** Not from the command line, which everybody on a machine can read. */
async function readUser(): Promise<Credentials> {
  if (process.stdin.isTTY) console.error('name:password, then Enter')
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = '', ...rest] = line.split(':')
    return { name, password: rest.join(':') }
  }
  throw new Error('--login wants a line name:password on stdin')
}

try {
  const { values, positionals } = parseArgs({
    options: { ca: { type: 'string' }, login: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  })
  const [domain, ...others] = positionals
  if (values.help || domain === undefined || others.length > 0) {
    console.log(help)
    process.exitCode = values.help ? 0 : 2
  } else {
    const ca = values.ca === undefined ? undefined : readFileSync(values.ca, 'utf8')
    await examine(domain.toLowerCase(), ca, values.login ? await readUser() : undefined)
    process.exitCode = sick ? 1 : 0
  }
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}
