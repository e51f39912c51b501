import { promises as dns } from 'node:dns'
import { request } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { Failure, joined } from '../../failure.ts'

/** Milliseconds until an address counts as silent, and those in which a wrong answer may still become right. */
const silence = 6_000
const settling = 3_000

/** The latter with several servers, each of which must first learn of the others; then, how long one may refuse connections. */
const settlingTogether = 100_000
const refusingTogether = 30_000

/** Errors of a machine without IPv6, such as GitHub's hosted runners. */
const noRoute = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']

/** How to look from here; tests bring their own. */
export interface Network {
  /** The A and AAAA records of a name. Throws as node:dns does if there are none. */
  records(name: string): Promise<string[]>
  /** The addresses that any program here would connect to. */
  anyRecords(name: string): Promise<string[]>
  port: number
}

const network: Network = { records, anyRecords, port: 80 }

/** Before an order, looks at the server as the certificate authority will: by its name, from outside, on port 80. */
export class Preflight {
  readonly #domain: string
  readonly #network: Network
  readonly #several: boolean
  #addresses: string[] = []

  /** `several` says whether the name points to several servers, which pass each other’s challenges on. */
  constructor(domain: string, own: Partial<Network> = {}, several = false) {
    this.#domain = domain
    this.#network = { ...network, ...own }
    this.#several = several
  }

  /**
   * Returns the addresses of the name. Throws a sentence if there are none, because no order could succeed. `local` are the
   * server's own addresses.
   */
  async resolve(local: readonly string[]): Promise<readonly string[]> {
    const here = local.length > 0 ? `; this server has ${local.join(', ')}` : ''
    try {
      this.#addresses = await this.#network.records(this.#domain)
    } catch (error) {
      throw new Failure('dns', `${unresolved(this.#domain, error)}${here}`)
    }
    for (const address of this.#addresses) {
      if (unreachable(address)) {
        throw new Failure(
          'dns',
          `the ${kind(address)} record of ${this.#domain} is ${address}, which no certificate authority can reach; make it the server’s public address${here}`,
        )
      }
    }
    this.#local = local
    return this.#addresses
  }

  #local: readonly string[] = []

  /** A sentence about where the name points, if not everybody can get there. It does not matter for an order by DNS. */
  async whereabouts(): Promise<string | undefined> {
    const addresses = await this.#network.anyRecords(this.#domain).catch(() => [])
    if (addresses.length === 0)
      return `${this.#domain} has no address that this runner can find; the certificate does not need one, but clients do`
    const near = addresses.filter(privateAddress)
    return near.length === 0
      ? undefined
      : `${this.#domain} points to ${near.join(', ')}, which only your own network can reach; with \`acme-dns\` that is fine`
  }

  /**
   * Looks for the server's token on every address of the name. If it is there, requests it under a second name, which the server
   * waits for. If not, returns a failure that says what is there instead.
   */
  async confirm(token: string): Promise<Failure | undefined> {
    const path = `/.well-known/acme-challenge/berth-${token}`
    const looks = await Promise.all(this.#addresses.map(address => this.#look(address, path, token)))
    const found = looks.filter(each => each !== undefined)
    // One of several servers may be down.
    const down = this.#several && found.length < looks.length
    const failure = joined(down ? found.filter(({ topic }) => topic !== 'port80') : found)
    if (failure) return failure
    for (const address of this.#addresses) {
      const answer = await this.#get(address, `${path}-seen`).catch(() => undefined)
      if (answer !== undefined) return undefined
    }
    return undefined
  }

  async #look(address: string, path: string, token: string): Promise<Failure | undefined> {
    const record = `the ${kind(address)} record of ${this.#domain}, ${address},`
    const own = this.#local.includes(address)
    const server = this.#local.length > 0 ? ` (this server has ${this.#local.join(', ')})` : ''
    const mend = own
      ? 'open port 80 to everyone there, in the firewall of the server and of its provider'
      : `does it point to this server${server}? If not, correct or remove the record; if so, open port 80 to everyone`
    const now = Date.now()
    const until = now + (this.#several ? settlingTogether : settling)
    for (;;) {
      try {
        const { status, body } = await this.#get(address, path)
        if (status === 200 && body === token) return undefined
        if (Date.now() > until) {
          return new Failure(
            own ? 'rival' : 'dns',
            `${record} points to a web server that answers ${status} instead of this server’s token; ${own ? 'does another site have the same name or `listen` on that address alone, or is something else in front of nginx?' : `point it to this server${server}`}`,
          )
        }
      } catch (error) {
        const { code = '', message } = error as NodeJS.ErrnoException
        // Nothing on the way translates IPv6 addresses. This one is the server's own, and more can't be known from here.
        if (isIP(address) === 6 && noRoute.includes(code) && own) return undefined
        const limit = this.#several && code === 'ECONNREFUSED' ? refusingTogether : settling
        if (Date.now() > now + limit || code === 'ETIMEDOUT') {
          return new Failure('port80', `${record} ${silenceOf(code, message)}; ${mend}`)
        }
      }
      await new Promise(resolve => setTimeout(resolve, 250))
    }
  }

  #get(address: string, path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: address,
        port: this.#network.port,
        path,
        headers: { host: this.#domain },
        timeout: silence,
      })
      const timer = setTimeout(() => outgoing.destroy(timedOut()), silence)
      outgoing.on('close', () => clearTimeout(timer))
      outgoing.on('error', reject)
      outgoing.on('response', incoming => {
        let body = ''
        incoming.setEncoding('utf8')
        incoming.on('data', chunk => {
          body += chunk
          if (body.length > 4096) incoming.destroy()
        })
        incoming.on('error', reject)
        incoming.on('close', () => resolve({ status: incoming.statusCode ?? 0, body }))
      })
      outgoing.end()
    })
  }
}

/** From DNS alone: the authority does not see this machine’s /etc/hosts. */
async function records(name: string): Promise<string[]> {
  const resolver = new dns.Resolver({ timeout: 5_000, tries: 2 })
  const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const addresses = found.flatMap(each => (each.status === 'fulfilled' ? each.value : []))
  const failed = found.find(each => each.status === 'rejected')
  // One kind of record may be missing. A query that failed must not count as that.
  if (failed && (addresses.length === 0 || !/^(ENODATA|ENOTFOUND)$/.test(failed.reason.code)))
    throw failed.reason
  return addresses
}

async function anyRecords(name: string): Promise<string[]> {
  return (await dns.lookup(name, { all: true })).map(({ address }) => address)
}

function unresolved(domain: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOTFOUND':
      return `the name ${domain} does not exist in DNS; add an A record (and an AAAA record if the server has IPv6) that points to the server`
    case 'ENODATA':
      return `the name ${domain} has neither an A nor an AAAA record; add one that points to the server`
    default:
      return `DNS has no answer for ${domain} (${code ?? message}); check its name servers, for instance with \`dig +trace ${domain}\``
  }
}

const nowhere = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
] as const) {
  nowhere.addSubnet(net, bits, 'ipv4')
}
for (const [net, bits] of [
  ['::', 127],
  ['fe80::', 10],
] as const)
  nowhere.addSubnet(net, bits, 'ipv6')

const near = new BlockList()
for (const [net, bits, family] of [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
] as const)
  near.addSubnet(net, bits, family)

function privateAddress(address: string): boolean {
  return near.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') || unreachable(address)
}

// Private addresses are not included: a private authority may be in the same network.
function unreachable(address: string): boolean {
  return nowhere.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function kind(address: string): 'A' | 'AAAA' {
  return isIP(address) === 6 ? 'AAAA' : 'A'
}

/** How an address fails to answer: the end of a sentence. */
function silenceOf(code: string, message: string): string {
  if (noRoute.includes(code)) return 'can’t be reached from this runner and is not an address of the server'
  if (code === 'ECONNREFUSED') return 'refuses connections on port 80'
  if (code === 'ETIMEDOUT') return 'does not answer on port 80'
  return `can’t be asked on port 80 (${code || message})`
}

function timedOut(): Error {
  return Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })
}
