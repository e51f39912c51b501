import { existsSync } from 'node:fs'
import { docker, tryDocker } from './engine.ts'
import { checkout, hash, label, labName } from './place.ts'
import { output } from './process.ts'

/** Every name in the lab ends in this; Docker's DNS knows them all, on the lab's network only. */
export const zone = 'berth.test'

/** Makes sure that the lab's network is there: IPv4 and IPv6, with the MTU of the way out of this machine. */
export async function network(): Promise<void> {
  if (await assertOurs()) return
  const unique = hash(labName)
  const subnet = `fd${unique.slice(0, 2)}:${unique.slice(2, 6)}:${unique.slice(6, 10)}::/64`
  const mtu = `com.docker.network.driver.mtu=${await outboundMtu()}`
  await docker(
    'network',
    'create',
    '--label',
    label,
    '--label',
    `berth.checkout=${checkout}`,
    '--ipv6',
    '--subnet',
    subnet,
    '--opt',
    mtu,
    labName,
  )
}

/**
 * Whether the lab's network is there. A lab of this name that another checkout made is not ours to use, let alone to
 * remove: others may be at work in it.
 */
export async function assertOurs(): Promise<boolean> {
  const owner = '{{index .Labels "berth.checkout"}}'
  const { code, stdout } = await tryDocker(['network', 'inspect', '--format', owner, labName])
  const other = stdout.trim()
  if (code === 0 && other && other !== checkout && existsSync(other)) {
    throw new Error(
      `The lab "${labName}" belongs to ${other}. For one of this checkout, set BERTH_LAB to another name.`,
    )
  }
  return code === 0
}

async function outboundMtu(): Promise<string> {
  const device =
    (await output('sh', ['-c', 'awk \'$2 == "00000000" { print $1; exit }\' /proc/net/route'])) || 'lo'
  const mtu = await output('cat', [`/sys/class/net/${device}/mtu`])
  return String(Math.min(Number(mtu), 1500))
}
