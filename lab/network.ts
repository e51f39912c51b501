import { docker, tryDocker } from './engine.ts'
import { hash, label, labName } from './place.ts'
import { output } from './process.ts'

/** Every name in the lab ends in this; Docker's DNS knows them all, on the lab's network only. */
export const zone = 'berth.test'

/** Makes sure that the lab's network is there: IPv4 and IPv6, with the MTU of the way out of this machine. */
export async function network(): Promise<void> {
  if ((await tryDocker(['network', 'inspect', labName])).code === 0) return
  const unique = hash(labName)
  const subnet = `fd${unique.slice(0, 2)}:${unique.slice(2, 6)}:${unique.slice(6, 10)}::/64`
  const mtu = `com.docker.network.driver.mtu=${await outboundMtu()}`
  await docker('network', 'create', '--label', label, '--ipv6', '--subnet', subnet, '--opt', mtu, labName)
}

/** This machine's IPv4 address for machines of the lab. */
export async function gateway(): Promise<string> {
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{end}}'
  const gateways = (await docker('network', 'inspect', '--format', format, labName)).split(' ')
  return gateways.find(each => /^\d+\./.test(each)) ?? '127.0.0.1'
}

async function outboundMtu(): Promise<string> {
  const device =
    (await output('sh', ['-c', 'awk \'$2 == "00000000" { print $1; exit }\' /proc/net/route'])) || 'lo'
  const mtu = await output('cat', [`/sys/class/net/${device}/mtu`])
  return String(Math.min(Number(mtu), 1500))
}
