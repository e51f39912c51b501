import { randomBytes } from 'node:crypto'
import { docker, tryDocker } from './engine.ts'
import { removeMachine } from './machine.ts'
import { hash, label, labName } from './place.ts'
import { createServer, type Server } from './server.ts'
import type { Store } from './store.ts'

/** Several servers with one name, and a network of their own beside the lab's. */
export interface Fleet {
  /** Leads to all of them, in the lab's DNS. */
  domain: string
  servers: Server[]
  /** What the step needs to know of them. */
  inputs: { domain: string; 'ssh-host': string; 'ssh-known-hosts': string }
  /** Moves the floating address there, as keepalived does: whoever has it lets go of it, and the neighbours are told. */
  float(server: Server): Promise<string>
  /** Nothing that these two send on their own network reaches the other. */
  cut(one: Server, other: Server): Promise<void>
  mend(one: Server, other: Server): Promise<void>
  /** Puts a new machine with the same name in its place. */
  replace(server: Server): Promise<Server>
  /** `ssh-host` and `ssh-known-hosts` for some of them. */
  some(servers: readonly Server[]): { 'ssh-host': string; 'ssh-known-hosts': string }
  remove(): Promise<void>
}

interface FleetOptions {
  /** A fleet without a name of its own counts as wanted only while the process that made it lives. */
  name?: string
  suite?: string
  ready?: boolean
}

export async function createFleet(
  count: number,
  { name, suite = 'trixie', ready = true }: FleetOptions = {},
): Promise<Fleet> {
  const own = name ?? `fleet-${randomBytes(3).toString('hex')}`
  const domain = `${own}.berth.test`
  const network = `${labName}-${own}`
  const names = Array.from({ length: count }, (_, index) => `${own}-${index + 1}`)
  const removeAll = async () => {
    await Promise.all(names.map(removeMachine))
    await tryDocker(['network', 'rm', network])
  }
  await removeAll()
  // One of 4096 of its own, so that fleets don't meet.
  const third = Number.parseInt(hash(own).slice(0, 3), 16)
  const subnet = `10.${200 + (third >> 8)}.${third & 255}`
  await docker('network', 'create', '--label', label, '--internal', '--subnet', `${subnet}.0/24`, network)
  const make = (each: string) =>
    createServer({ name: each, ours: name === undefined, suite, ready, aliases: [domain] })
  const servers = await Promise.all(names.map(make))
  const near = (server: Server) => `${subnet}.${10 + servers.indexOf(server)}`
  const join = (server: Server) =>
    docker('network', 'connect', '--ip', near(server), network, server.container)
  for (const server of servers) await join(server)

  const some = (chosen: readonly Server[]) => ({
    'ssh-host': chosen.map(server => `${server.domain} ${near(server)}`).join('\n'),
    'ssh-known-hosts': chosen.map(({ knownHosts }) => knownHosts).join(''),
  })
  // In the lab's network, at its far end.
  const [first = '', second = ''] = (servers[0]?.address.v4 ?? '').split('.')
  const floating = `${first}.${second}.255.${10 + (third % 200)}`
  const rule = (server: Server) => `INPUT -s ${near(server)} -j DROP`
  return {
    domain,
    servers,
    inputs: { domain, ...some(servers) },
    some,
    async float(server) {
      const others = servers.filter(each => each !== server)
      // One that hangs lets go of nothing, and is not waited for.
      await Promise.all(
        others.map(each =>
          each.run(`ip addr del ${floating}/16 dev "$(${device})"`, { timeout: 5 }).catch(() => {}),
        ),
      )
      await server.run(
        `ip addr add ${floating}/16 dev "$(${device})"; perl -e '${announce}' "$(${device})" ${floating}`,
      )
      return floating
    },
    async replace(server) {
      const index = servers.indexOf(server)
      await server.remove()
      const anew = await make(names[index] ?? '')
      servers[index] = anew
      await join(anew)
      return anew
    },
    async cut(one, other) {
      await one.sh(`iptables -I ${rule(other)}`)
      await other.sh(`iptables -I ${rule(one)}`)
    },
    async mend(one, other) {
      await one.run(`iptables -D ${rule(other)}`)
      await other.run(`iptables -D ${rule(one)}`)
    },
    remove: removeAll,
  }
}

/** The interface to the lab's network. */
const device = "ip -o route show default | awk '{ print $5; exit }'"

/** Tells everybody on the network who has an address now. */
const announce = `
my ($device, $address) = @ARGV;
open my $file, "<", "/sys/class/net/$device/address" or die; chomp(my $text = <$file>);
open my $number, "<", "/sys/class/net/$device/ifindex" or die; chomp(my $index = <$number>);
my $mac = pack "H12", join "", split /:/, $text;
my $ip = pack "C4", split /\\./, $address;
my $all = "\\xff" x 6;
socket my $socket, 17, 3, 0x0608 or die;
for my $operation (1, 2) {
  my $frame = $all . $mac . pack("n n n C C n", 0x0806, 1, 0x0800, 6, 4, $operation) . $mac . $ip . $all . $ip;
  send $socket, $frame, 0, pack("S n i S C C a8", 17, 0x0806, $index, 1, 0, 6, $all) or die;
}`

/** What keeps images in a store, for `registry-config`. */
export function storeConfig({ region, bucket, endpoint, accessKey, secretKey }: Store): string {
  const s3 = {
    ...{ region, bucket, regionendpoint: endpoint, forcepathstyle: true, chunksize: 5_242_880 },
    ...{ accesskey: accessKey, secretkey: secretKey },
  }
  return JSON.stringify({ storage: { filesystem: null, s3, redirect: { disable: true } } })
}
