import { randomBytes } from 'node:crypto'
import type { Acme } from './acme.ts'
import * as images from './images.ts'
import { ensure, type Machine } from './machine.ts'
import { until } from './process.ts'

export interface Names extends Machine {
  /** What `acme({ dns })` takes. */
  server: string
  zone: string
  /** Sets, adds or deletes records, in the words of nsupdate after `update`. */
  update(...changes: string[]): Promise<void>
  /** Makes a machine ask this name server and no other. */
  serve(machine: Machine): Promise<void>
  /** Lets its stand-in for Cloudflare pass for the real one with who trusts this authority and has this machine’s address for it. */
  pose(authority: Acme): Promise<void>
}

/** What a TSIG key may do: a rule of BIND’s update-policy, such as `name _acme-challenge.example.com. TXT`. */
export interface Key {
  secret: string
  grant: string
}

export interface NamesOptions {
  /** Short and unique in the lab. */
  name: string
  /** The zone that it is the only name server of. */
  zone: string
  keys?: Record<string, Key>
  /** What the services that set records for others take. */
  token?: string
}

export const tsig = (grant: string): Key => ({ secret: randomBytes(64).toString('base64'), grant })

/** The name server of a domain: BIND, with dynamic updates, and stand-ins for acme-dns, deSEC and Cloudflare’s API. */
export async function names({ name, zone, keys = {}, token = '' }: NamesOptions): Promise<Names> {
  const machine = await ensure({
    name,
    kind: 'dns',
    image: await images.names(),
    env: {
      ZONE: zone,
      KEYS: Object.entries(keys)
        .map(([key, { secret, grant }]) => `${key} ${secret} ${grant}`)
        .join('\n'),
      TOKEN: token,
    },
  })
  await until(
    `${name} serves ${zone}`,
    30,
    async () => (await machine.run(`dig +short +time=1 +tries=1 @127.0.0.1 ${zone} SOA | grep .`)).code === 0,
  )
  return Object.assign(machine, {
    server: `${machine.address.v4}:53`,
    zone,
    async update(...changes: string[]) {
      const lines = [
        'server 127.0.0.1',
        `zone ${zone}.`,
        ...changes.map(each => `update ${each}`),
        'send',
        '',
      ]
      await machine.sh('nsupdate -k /run/named/session.key', { input: lines.join('\n') })
    },
    async serve(other: Machine) {
      await other.sh(`echo 'nameserver ${machine.address.v4}' >/etc/resolv.conf`)
    },
    async pose(authority: Acme) {
      const pem = await authority.sh(`cd $(mktemp -d)
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=posing -keyout key -out csr 2>/dev/null
        printf 'subjectAltName=DNS:api.cloudflare.com\\nextendedKeyUsage=serverAuth\\nkeyUsage=critical,digitalSignature\\nauthorityKeyIdentifier=keyid\\n' >ext
        openssl x509 -req -in csr -CA /var/lib/acme/ca.pem -CAkey /var/lib/acme/ca.key -days 90 -extfile ext -out crt 2>/dev/null
        cat crt key`)
      await machine.write('/run/tls.new', `${pem}\n`)
      await machine.sh('mv /run/tls.new /run/tls.pem')
      await until(
        'the stand-in answers',
        20,
        async () => (await machine.run('curl -sk https://127.0.0.1/')).code === 0,
      )
    },
  })
}
