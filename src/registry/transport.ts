import type { X509Certificate } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  type PeerCertificate,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { connectionFailure, proxyFailure } from './failure.ts'
import { Transient } from './retry.ts'

/** What the registry answered. */
export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  certificate: X509Certificate | undefined
}

/** Milliseconds of silence after which a request fails. */
const timeout = 30_000

/** Milliseconds for a whole answer, because one that trickles could go on for ever. */
const usualMaxTime = 300_000

/** Bytes of an answer that are read at most. A registry accepts manifests of up to 4 MiB. */
const maxAnswer = 16 << 20

/** Requests to the registry and its answers, by HTTPS from this machine, and the certificate that comes with them. */
export class Transport {
  protected readonly domain: string
  protected readonly address: string
  protected readonly port: number
  protected readonly ca: string | undefined
  readonly #agent: http.Agent
  readonly #socket: string | undefined
  readonly #maxTime: number
  /** The certificate that each new connection showed. Node no longer tells when a connection is used again or was closed. */
  readonly #shown = new WeakMap<Socket, X509Certificate>()
  /** Whether the registry was found to be well. From then on, a connection that fails is likely to come back. */
  protected verified = false

  /**
   * `ca` is a PEM bundle that is trusted besides the public authorities. `address` is the one to ask, where it matters
   * which of the name’s addresses answers. `socket` is a Unix socket of the registry itself, which is asked without HTTPS.
   * `maxTime` is how many milliseconds an answer may take.
   */
  constructor(
    domain: string,
    ca: string | undefined,
    {
      address = domain,
      port = 443,
      socket,
      maxTime = usualMaxTime,
    }: { address?: string; port?: number; socket?: string; maxTime?: number } = {},
  ) {
    this.#maxTime = maxTime
    this.domain = domain
    this.address = address
    this.port = port
    this.ca = ca
    this.#socket = socket
    const agent = { keepAlive: true, maxSockets: 4 }
    this.#agent =
      socket === undefined
        ? // A resumed session shows no certificate.
          new https.Agent({ ...agent, maxCachedSessions: 0, ...(ca && { secureContext: trusting(ca) }) })
        : new http.Agent(agent)
  }

  /** The certificate that the registry shows: valid for this name and now, and issued by an authority that this machine trusts. */
  async certificate(): Promise<X509Certificate> {
    const { certificate } = await this.ask('GET', '/v2/')
    if (certificate === undefined) throw this.noCertificate()
    return certificate
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Sends a request. Throws a sentence if there is no answer, or none with a certificate that can be trusted. */
  ask(
    method: string,
    path: string,
    user?: Credentials,
    headers: Record<string, string> = {},
    body?: Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { request } = this.#socket === undefined ? https : http
      const outgoing = request({
        ...(this.#socket === undefined
          ? { host: this.address, servername: this.domain, port: this.port }
          : { socketPath: this.#socket }),
        path,
        method,
        agent: this.#agent,
        timeout,
        headers: {
          host: this.domain,
          ...headers,
          ...(body && { 'content-length': String(body.length) }),
        },
        ...(user && { auth: `${user.name}:${user.password}` }),
      })
      limit(outgoing, this.#maxTime)
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // nginx closes idle connections when it is reloaded. A request that was just sent on one was never read.
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
        if (this.#socket !== undefined) return
        socket.once('secureConnect', () => {
          const certificate = (socket as TLSSocket).getPeerX509Certificate()
          if (certificate) this.#shown.set(socket, certificate)
        })
      })
      readAnswer(
        outgoing,
        answer => resolve({ ...answer, certificate: connection && this.#shown.get(connection) }),
        error => reject(this.#failure(error)),
      )
      outgoing.end(body)
    })
  }

  /**
   * Gets what the registry redirects to: mostly an object storage, perhaps by plain HTTP. Without credentials, because those are for
   * the registry alone. Throws whatever went wrong, without the location: whoever has that may read.
   */
  follow(location: string): Promise<Omit<Answer, 'certificate'>> {
    return new Promise((resolve, reject) => {
      const failed = ({ code }: NodeJS.ErrnoException) =>
        reject(new Failure('endpoint', `what ${this.domain} redirects to can’t be read (${code})`))
      const url = new URL(location, `https://${this.domain}:${this.port}`)
      const options = { agent: false, timeout } as const
      const outgoing =
        url.protocol === 'http:'
          ? http.get(url, options)
          : https.get(url, { ...options, ...(this.ca && { secureContext: trusting(this.ca) }) })
      limit(outgoing, this.#maxTime)
      outgoing.on('error', failed)
      readAnswer(outgoing, resolve, failed)
    })
  }

  /** What to throw for an answer that can’t be used. `what` is the path that was asked for. */
  refused(answer: Answer, what: string): Failure {
    const words = answer.body.replace(/\s+/g, ' ').trim().slice(0, 200)
    const message = `${this.domain}/${what} is answered with ${answer.status}${words === '' ? '' : `: ${words}`}`
    const proxied = proxyFailure(this.domain, answer.status)
    if (proxied) return proxied
    if (isPassing(answer)) return new Transient('endpoint', message)
    const topic = answer.status === 401 ? 'registryLogin' : answer.status === 403 ? 'pushRights' : 'endpoint'
    return new Failure(topic, message)
  }

  #failure(error: NodeJS.ErrnoException & { cert?: PeerCertificate }): Failure {
    const { topic, message } = connectionFailure(this.domain, error, process.env)
    // Something that resets a connection exists, so it may answer the next one.
    const passing = this.verified || error.code === 'ECONNRESET'
    return passing ? new Transient(topic, message) : new Failure(topic, message)
  }

  protected noCertificate(): Failure {
    return new Failure(
      'servedCertificate',
      `${this.domain} shows no certificate; does the name point to this server?`,
    )
  }
}

/** Ends a request that gets no answer, or none within `maxTime`. */
function limit(outgoing: http.ClientRequest, maxTime: number): void {
  const late = () => outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }))
  const deadline = setTimeout(late, maxTime)
  outgoing.on('close', () => clearTimeout(deadline))
  outgoing.on('timeout', late)
}

/** Reads an answer, unless it has too many bytes. */
function readAnswer(
  outgoing: http.ClientRequest,
  resolve: (answer: Omit<Answer, 'certificate'>) => void,
  failed: (error: NodeJS.ErrnoException) => void,
): void {
  outgoing.on('response', incoming => {
    const chunks: Buffer[] = []
    let bytes = 0
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxAnswer) chunks.push(chunk)
      else outgoing.destroy(Object.assign(new Error('endless'), { code: 'EMSGSIZE' }))
    })
    incoming.on('error', failed)
    incoming.on('end', () =>
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString(),
      }),
    )
  })
}

const contexts = new Map<string, SecureContext>()

/** Trusts a PEM bundle besides the public authorities. Node takes 15 ms to read those, and would again for each connection. */
function trusting(ca: string): SecureContext {
  const context = contexts.get(ca) ?? createSecureContext({ ca: [...rootCertificates, ca] })
  contexts.set(ca, context)
  return context
}

/** Whether a request that was answered so may succeed in a moment. */
export function isPassing({ status }: Answer): boolean {
  return status >= 500 || status === 429
}
