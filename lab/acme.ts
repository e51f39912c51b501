import { tryDocker } from './engine.ts'
import * as images from './images.ts'
import { ensure, type Machine } from './machine.ts'
import { until } from './process.ts'

export interface Acme extends Machine {
  /** The URL of the ACME directory. */
  directory: string
  /** PEM: the CAs of the ACME server's own certificate and of those that it issues. */
  trust: string
  /** How often it was asked to validate this domain: once for each order that got so far. */
  validations(domain: string): Promise<number>
  /** All that it logged since it was created. */
  log(): Promise<string>
}

export interface AcmeOptions {
  /** One that differs from the others needs a name of its own. */
  name?: string
  /** Seconds for which certificates are valid: 90 days unless told. */
  validity?: number
  /** Percent of the good nonces that it rejects all the same: none unless told. */
  nonceReject?: number
  /** External account binding: its keys by their ids. Without one of them there is no account. */
  eab?: Record<string, string>
  /** Merged over the `pebble` object of Pebble's configuration: `domainBlocklist`, `retryAfter`, … */
  config?: Record<string, unknown>
  /** Pebble's environment, such as PEBBLE_VA_ALWAYS_VALID. */
  env?: Record<string, string>
  /** The DNS server, host:port, that it validates with: the lab's unless told. */
  dns?: string
}

/** The lab's ACME server, or one of a name and settings of its own. It forgets everything when it restarts. */
export async function acme(options: AcmeOptions = {}): Promise<Acme> {
  const { name = 'acme', validity = 90 * 86_400, nonceReject = 0, eab, config = {}, env = {} } = options
  const domain = `${name}.berth.test`
  const pebble = {
    listenAddress: '0.0.0.0:14000',
    managementListenAddress: '0.0.0.0:15000',
    certificate: '/var/lib/acme/tls.pem',
    privateKey: '/var/lib/acme/tls.key',
    httpPort: 80,
    tlsPort: 443,
    ocspResponderURL: '',
    certificateValidityPeriod: validity,
    retryAfter: { authz: 1, order: 1 },
    externalAccountBindingRequired: eab !== undefined,
    ...(eab && { externalAccountMACKeys: eab }),
    ...config,
  }
  const machine = await ensure({
    name,
    kind: 'acme',
    image: await images.acme(),
    domain,
    env: {
      ACME_NAME: domain,
      DNS_SERVER: options.dns ?? '127.0.0.11:53',
      PEBBLE_CONFIG: JSON.stringify({ pebble }),
      PEBBLE_VA_NOSLEEP: '1',
      // By default Pebble does both at random; a test asks for that when it wants it.
      PEBBLE_WFE_NONCEREJECT: String(nonceReject),
      PEBBLE_AUTHZREUSE: '0',
      ...env,
    },
  })
  const trust = await until(`${name} serves ACME`, 60, async () => {
    const get = 'curl -sS --cacert /var/lib/acme/ca.pem'
    const { code, stdout } = await machine.run(
      `cat /var/lib/acme/ca.pem && ${get} https://localhost:15000/roots/0 && ${get} -o /dev/null https://localhost:14000/dir`,
    )
    // It may have been just ending when it was found to run.
    if (code !== 0) await tryDocker(['start', machine.container])
    return code === 0 && stdout
  })
  const log = async () => {
    const { stdout, stderr } = await tryDocker(['logs', machine.container])
    return stdout + stderr
  }
  const validations = async (name: string) => (await log()).split(`Type:"dns", Value:"${name}"`).length - 1
  return Object.assign(machine, { directory: `https://${domain}:14000/dir`, trust, validations, log })
}
