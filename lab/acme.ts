import { tryDocker } from './engine.ts'
import * as images from './images.ts'
import { ensure, type Machine } from './machine.ts'
import { until } from './process.ts'

export interface Acme extends Machine {
  /** The URL of the ACME directory. */
  directory: string
  /** PEM: the CAs of the ACME server's own certificate and of those that it issues. */
  trust: string
  /** All that it logged since it was created. */
  log(): Promise<string>
}

export interface AcmeOptions {
  /** One that differs from the others needs a name of its own. */
  name?: string
  /** Merged over the `pebble` object of Pebble's configuration: `profiles`, `externalAccountBindingRequired`, … */
  config?: Record<string, unknown>
  /** Pebble's environment, such as PEBBLE_WFE_NONCEREJECT (percent) or PEBBLE_VA_ALWAYS_VALID. */
  env?: Record<string, string>
  /** The DNS server, host:port, that it validates with: the lab's unless told. */
  dns?: string
}

/** The lab's ACME server, or one of a name and settings of its own. It forgets everything when it restarts. */
export async function acme(options: AcmeOptions = {}): Promise<Acme> {
  const { name = 'acme', config = {}, env = {}, dns = '127.0.0.11:53' } = options
  const domain = `${name}.berth.test`
  const pebble = {
    listenAddress: '0.0.0.0:14000',
    managementListenAddress: '0.0.0.0:15000',
    certificate: '/var/lib/acme/tls.pem',
    privateKey: '/var/lib/acme/tls.key',
    httpPort: 80,
    tlsPort: 443,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
    ...config,
  }
  const machine = await ensure({
    name,
    kind: 'acme',
    image: await images.acme(),
    domain,
    env: {
      ACME_NAME: domain,
      DNS_SERVER: dns,
      PEBBLE_CONFIG: JSON.stringify({ pebble }),
      PEBBLE_VA_NOSLEEP: '1',
      // By default Pebble rejects nonces and reuses authorizations at random; a test asks for that when it wants it.
      PEBBLE_WFE_NONCEREJECT: '0',
      PEBBLE_AUTHZREUSE: '0',
      ...env,
    },
  })
  const trust = await until(`${name} serves ACME`, 30, async () => {
    const get = 'curl -sS --cacert /var/lib/acme/ca.pem'
    const { code, stdout } = await machine.run(
      `cat /var/lib/acme/ca.pem && ${get} https://localhost:15000/roots/0 && ${get} -o /dev/null https://localhost:14000/dir`,
    )
    return code === 0 && stdout
  })
  const log = async () => {
    const { stdout, stderr } = await tryDocker(['logs', machine.container])
    return stdout + stderr
  }
  return Object.assign(machine, { directory: `https://${domain}:14000/dir`, trust, log })
}
