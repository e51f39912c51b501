import * as images from './images.ts'
import { ensure, type Machine } from './machine.ts'

export interface Dns extends Machine {
  /** What `acme({ dns })` takes. */
  server: string
  /** Answers for a name from now on with these addresses; with none, the name does not exist. */
  set(host: string, addresses: { v4?: string[]; v6?: string[] }): Promise<void>
}

/** A DNS server that knows only what it is told: for an ACME server that sees other addresses than the lab does. */
export async function dns(name = 'dns'): Promise<Dns> {
  const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', '']
  const command = ['pebble-challtestsrv', '-dns01', ':53', '-defaultIPv4', '', '-defaultIPv6', '', ...off]
  const machine = await ensure({ name, kind: 'dns', image: await images.acme(), command })
  const post = (path: string, body: unknown) =>
    machine.sh(
      `curl -sS --fail --retry 20 --retry-connrefused --retry-delay 1 --data @- http://localhost:8055/${path}`,
      {
        input: JSON.stringify(body),
      },
    )
  return Object.assign(machine, {
    server: `${machine.address.v4}:53`,
    async set(host: string, { v4 = [], v6 = [] }: { v4?: string[]; v6?: string[] }) {
      for (const [type, addresses] of [
        ['a', v4],
        ['aaaa', v6],
      ] as const) {
        await post(`clear-${type}`, { host })
        if (addresses.length) await post(`add-${type}`, { host, addresses })
      }
    },
  })
}
