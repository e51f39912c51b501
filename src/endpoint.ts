import { createHash, type X509Certificate } from 'node:crypto'
import { Agent, request } from 'node:https'
import { rootCertificates, type TLSSocket } from 'node:tls'
import type { User } from './desired.ts'

/** What the registry answered. */
export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  certificate: X509Certificate | undefined
}

/** Milliseconds after which an answer is not coming. */
const timeout = 30_000

/** Milliseconds in which a new password must have begun to work. */
const patience = 10_000

/** The registry as its clients see it: HTTPS from this machine. */
export class Endpoint {
  readonly #domain: string
  readonly #agent: Agent

  /** `ca` is a PEM bundle that is trusted besides the public authorities. */
  constructor(domain: string, ca: string | undefined) {
    this.#domain = domain
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4, ...(ca && { ca: [...rootCertificates, ca] }) })
  }

  /** Throws a sentence that says why, if the name does not answer with a certificate that can be trusted. */
  async get(path: string, user?: User, method: 'GET' | 'HEAD' = 'GET', accept?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: this.#domain,
        path,
        method,
        agent: this.#agent,
        timeout,
        headers: { ...(accept && { accept }) },
        ...(user && { auth: `${user.name}:${user.password}` }),
      })
      outgoing.on('timeout', () =>
        outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      )
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(new Error(this.#explain(error))))
      outgoing.on('response', incoming => {
        const certificate = (incoming.socket as TLSSocket).getPeerX509Certificate?.()
        const chunks: Buffer[] = []
        incoming.on('data', chunk => chunks.push(chunk))
        incoming.on('error', error => reject(new Error(this.#explain(error))))
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
            certificate,
          }),
        )
      })
      outgoing.end()
    })
  }

  /** The digest that a tag has, as the registry says it; `undefined` if there is no such tag. */
  async digest(repository: string, tag: string, user: User | undefined): Promise<string | undefined> {
    const answer = await this.get(`/v2/${repository}/manifests/${tag}`, user, 'GET', manifestTypes)
    if (answer.status === 404) return undefined
    if (answer.status !== 200)
      throw new Error(`${this.#domain} answers ${answer.status} when asked for ${repository}:${tag}`)
    return `sha256:${createHash('sha256').update(answer.body).digest('hex')}`
  }

  /**
   * Looks at the registry as a client does: a certificate that this machine trusts, nobody let in without credentials, and
   * the user let in with them (or everybody, if there are no users). Throws a sentence if anything is amiss.
   */
  async verify(user: User | undefined): Promise<X509Certificate> {
    const anonymous = await this.get('/v2/')
    if (user === undefined && anonymous.status !== 200) {
      throw new Error(`${this.#domain} should be open to everybody, and answers ${anonymous.status}`)
    }
    if (user !== undefined) {
      const challenge = anonymous.headers['www-authenticate'] ?? ''
      if (anonymous.status !== 401 || !/^Basic /i.test(String(challenge))) {
        throw new Error(
          `${this.#domain} should ask for credentials, and answers ${anonymous.status}; is it this server that the name leads to?`,
        )
      }
      const known = await this.get('/v2/', user)
      if (known.status !== 200)
        throw new Error(`${this.#domain} answers ${known.status} to \`${user.name}\` with the right password`)
    }
    if (anonymous.certificate === undefined) throw new Error(`${this.#domain} shows no certificate`)
    return anonymous.certificate
  }

  /** The certificate that is shown: for this name, within its dates, and with a chain up to an authority that is trusted here. */
  async certificate(): Promise<X509Certificate> {
    const { certificate } = await this.get('/v2/')
    if (certificate === undefined) throw new Error(`${this.#domain} shows no certificate`)
    return certificate
  }

  /** Logs in as each user; throws a sentence that names who is not let in. */
  async admit(users: readonly User[]): Promise<void> {
    const [first, ...others] = users
    // nginx goes on with its old rules for a moment after it was told of new ones.
    if (first) await this.#admit(first, performance.now() + patience)
    await Promise.all(others.map(user => this.#admit(user, performance.now() + patience)))
  }

  async #admit(user: User, deadline: number): Promise<void> {
    for (;;) {
      const { status } = await this.get('/v2/', user)
      if (status === 200) return
      if (performance.now() > deadline)
        throw new Error(
          `${this.#domain} answers ${status} to \`${user.name}\` with the new password; does its registry read the htpasswd file in Berth’s directory?`,
        )
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #explain({ code, message }: NodeJS.ErrnoException): string {
    const name = this.#domain
    switch (code) {
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return `the name ${name} does not resolve; add its DNS record`
      case 'ECONNREFUSED':
        return `nothing listens on port 443 at ${name}; does the name lead to this server?`
      case 'ETIMEDOUT':
      case 'EHOSTUNREACH':
      case 'ENETUNREACH':
        return `${name} does not answer on port 443; does the server’s firewall let HTTPS in?`
      case 'CERT_HAS_EXPIRED':
        return `the certificate that ${name} shows has expired; run mode \`up\` or \`renew\``
      case 'ERR_TLS_CERT_ALTNAME_INVALID':
        return `the certificate that ${name} shows is for other names; does the name lead to this server?`
      case 'SELF_SIGNED_CERT_IN_CHAIN':
      case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      case 'UNABLE_TO_GET_ISSUER_CERT':
      case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
        return `the certificate that ${name} shows is not from an authority that this runner trusts; give a private one as \`ca\``
      default:
        return `${name} can’t be asked over HTTPS: ${message}`
    }
  }
}

/** All that a tag may be; a registry answers 404 for a type that was not asked for. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
