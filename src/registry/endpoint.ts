import { randomBytes, type X509Certificate } from 'node:crypto'
import { Agent, request } from 'node:https'
import type { Socket } from 'node:net'
import { type PeerCertificate, rootCertificates, type TLSSocket } from 'node:tls'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { connectionFailure } from './failure.ts'
import { Transient } from './retry.ts'

/** What the registry answered. */
export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  certificate: X509Certificate | undefined
}

/** Milliseconds after which an answer is not coming. */
const timeout = 30_000

/** Bytes of an answer that is read: a registry takes manifests of at most 4 MiB. */
const maxAnswer = 16 << 20

/** Milliseconds in which a new password must have begun to work. */
const newPassword = 10_000

/** The same where nginx holds the requests of this address up. */
const heldUp = 60_000

/** The registry’s name as its clients see it: HTTPS from this machine, the certificate, and who is let in. */
export class Endpoint {
  readonly #domain: string
  readonly #address: string
  readonly #port: number
  readonly #agent: Agent
  /** What each connection showed when it was made: later, when it is used again or was closed, Node does not tell. */
  readonly #shown = new WeakMap<Socket, X509Certificate>()
  /** Once all was well, a connection that fails is likely to come back. */
  #verified = false

  /**
   * `ca` is a PEM bundle that is trusted besides the public authorities. `address` is the one to ask, where it is not all
   * the same which of the name’s.
   */
  constructor(domain: string, ca: string | undefined, { address = domain, port = 443 } = {}) {
    this.#domain = domain
    this.#address = address
    this.#port = port
    // A resumed session shows no certificate.
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 4,
      maxCachedSessions: 0,
      ...(ca && { ca: [...rootCertificates, ca] }),
    })
  }

  /**
   * Looks at the registry as a client does: a certificate that this machine trusts, and a lock that holds. Nobody is let in without
   * a password, with a wrong one or under a name that nobody has, and the user is with the right one; or everybody is, if
   * there are no users. A registry that asks for itself (`own`) only has to answer. Throws a sentence if anything is amiss.
   */
  async verify(user: Credentials | undefined, own = false): Promise<X509Certificate> {
    const path = '/v2/'
    const ask = (who?: Credentials) => this.ask('GET', path, who)
    const wrong = randomBytes(18).toString('base64url')
    const anonymous = await ask()
    if (isPassing(anonymous)) throw this.refused(anonymous, 'v2/')
    if (own) this.#checkOwn(anonymous)
    else if (user === undefined) this.#checkOpen(anonymous)
    else {
      this.#checkChallenge(anonymous)
      const [known, ...strangers] = await Promise.all([
        ask(user),
        ask({ ...user, password: wrong }),
        ask({ name: `nobody-${wrong}`, password: wrong }),
      ])
      if (strangers.some(({ status }) => status < 400)) throw this.#unlocked()
      const odd = strangers.find(({ status }) => status !== 401 && status !== 429)
      if (odd) throw this.refused(odd, 'v2/')
      if (known.status !== 200)
        throw isPassing(known)
          ? this.refused(known, 'v2/')
          : new Failure(
              'registryLogin',
              `${this.#domain} does not let \`${user.name}\` in (${known.status}); is the password in \`users\` the one that it was set up with?`,
            )
    }
    if (anonymous.certificate === undefined) throw this.#noCertificate()
    this.#verified = true
    return anonymous.certificate
  }

  #checkOwn({ status }: Answer): void {
    if (status !== 200 && status !== 401)
      throw new Failure(
        'registryLogin',
        `${this.#domain} should ask for credentials as \`registry-config\` says, and answers ${status}; does the name point to this server?`,
      )
  }

  #checkOpen({ status }: Answer): void {
    if (status !== 200)
      throw new Failure(
        'registryLogin',
        `${this.#domain} should be open to everybody, and answers ${status}; does the name point to this server?`,
      )
  }

  #checkChallenge({ status, headers }: Answer): void {
    if (status === 200) throw this.#unlocked()
    if (status !== 401 || !/^Basic /i.test(String(headers['www-authenticate'] ?? '')))
      throw new Failure(
        'registryLogin',
        `${this.#domain} should ask for credentials, and answers ${status}; does the name point to this server?`,
      )
  }

  #unlocked(): Failure {
    return new Failure(
      'registryLogin',
      `${this.#domain} lets in who has no password or a wrong one; does the name point to this server, and has somebody changed its nginx?`,
    )
  }

  /** The certificate that is shown: for this name, within its dates, and with a chain up to an authority that is trusted here. */
  async certificate(): Promise<X509Certificate> {
    const { certificate } = await this.ask('GET', '/v2/')
    if (certificate === undefined) throw this.#noCertificate()
    return certificate
  }

  /** Logs in as each user; throws a sentence that names who is not let in. */
  async admit(users: readonly Credentials[]): Promise<void> {
    const [first, ...others] = users
    // nginx goes on with its old rules for a moment after it was told of new ones.
    if (first) await this.#admit(first)
    await Promise.all(others.map(user => this.#admit(user)))
  }

  async #admit(user: Credentials): Promise<void> {
    const started = performance.now()
    for (;;) {
      const { status } = await this.ask('GET', '/v2/', user)
      if (status === 200) return
      // Somebody guesses from the same address, and nginx lets one request a second through.
      const limit = status === 429 ? heldUp : newPassword
      if (performance.now() - started > limit)
        throw new Failure(
          'registryLogin',
          `${this.#domain} answers ${status} to \`${user.name}\` with the new password; does its nginx read the htpasswd file in Berth’s directory?`,
        )
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Throws a sentence that says why, if the name does not answer with a certificate that can be trusted. */
  ask(
    method: string,
    path: string,
    user?: Credentials,
    headers: Record<string, string> = {},
    body?: Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: this.#address,
        servername: this.#domain,
        port: this.#port,
        path,
        method,
        agent: this.#agent,
        timeout,
        headers: {
          host: this.#domain,
          ...headers,
          ...(body && { 'content-length': String(body.length) }),
        },
        ...(user && { auth: `${user.name}:${user.password}` }),
      })
      outgoing.on('timeout', () =>
        outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      )
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // nginx closes idle connections when it is reloaded; what was asked on one just then was never heard.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET' && body === undefined) {
          resolve(this.ask(method, path, user, headers))
        } else {
          reject(this.#failure(error))
        }
      })
      let connection: Socket | undefined
      outgoing.on('socket', socket => {
        connection = socket
        if (this.#shown.has(socket)) return
        socket.once('secureConnect', () => {
          const certificate = (socket as TLSSocket).getPeerX509Certificate()
          if (certificate) this.#shown.set(socket, certificate)
        })
      })
      outgoing.on('response', incoming => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes <= maxAnswer) chunks.push(chunk)
          else outgoing.destroy(Object.assign(new Error('endless'), { code: 'EMSGSIZE' }))
        })
        incoming.on('error', error => reject(this.#failure(error)))
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
            certificate: connection && this.#shown.get(connection),
          }),
        )
      })
      outgoing.end(body)
    })
  }

  /** What to throw for an answer that is no use; `what` is what was asked for, without the registry’s name. */
  refused(answer: Answer, what: string): Failure {
    const words = answer.body.replace(/\s+/g, ' ').trim().slice(0, 200)
    const message = `${this.#domain}/${what} is answered with ${answer.status}${words === '' ? '' : `: ${words}`}`
    if (isPassing(answer)) return new Transient('endpoint', message)
    return new Failure([401, 403].includes(answer.status) ? 'pushRights' : 'endpoint', message)
  }

  #failure(error: NodeJS.ErrnoException & { cert?: PeerCertificate }): Failure {
    const { topic, message } = connectionFailure(this.#domain, error)
    // Who resets a connection is there.
    const passing = this.#verified || error.code === 'ECONNRESET'
    return passing ? new Transient(topic, message) : new Failure(topic, message)
  }

  #noCertificate(): Failure {
    return new Failure(
      'servedCertificate',
      `${this.#domain} shows no certificate; does the name point to this server?`,
    )
  }
}

function isPassing({ status }: Answer): boolean {
  return status >= 500 || status === 429
}
