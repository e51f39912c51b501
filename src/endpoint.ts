import { createHash, randomBytes, type X509Certificate } from 'node:crypto'
import { Agent, request } from 'node:https'
import { rootCertificates, type TLSSocket } from 'node:tls'
import type { User } from './desired.ts'
import { Transient } from './retry.ts'

/** What the registry answered. */
export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  certificate: X509Certificate | undefined
}

/** What a tag or digest leads to: an image, or an index of images. */
export interface Manifest {
  digest: string
  type: string
  /** Byte by byte as the registry has it. */
  body: string
  /** Digest of the image’s configuration; an index has none. */
  config: string | undefined
  manifests: Descriptor[]
  /** Configuration and layers. */
  blobs: Descriptor[]
}

interface Descriptor {
  digest: string
  size: number
}

/** Milliseconds after which an answer is not coming. */
const timeout = 30_000

/** Milliseconds in which a new password must have begun to work. */
const patience = 10_000

/** The registry as its clients see it: HTTPS from this machine. */
export class Endpoint {
  readonly #domain: string
  readonly #agent: Agent
  /** Once all was well, a connection that fails is likely to come back. */
  #verified = false

  /** `ca` is a PEM bundle that is trusted besides the public authorities. */
  constructor(domain: string, ca: string | undefined) {
    this.#domain = domain
    // A resumed session shows no certificate.
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 4,
      maxCachedSessions: 0,
      ...(ca && { ca: [...rootCertificates, ca] }),
    })
  }

  /** Throws a sentence that says why, if the name does not answer with a certificate that can be trusted. */
  async get(path: string, user?: User, method: 'GET' | 'HEAD' = 'GET', accept?: string): Promise<Answer> {
    return this.#send(method, path, user, accept === undefined ? {} : { accept })
  }

  /** What a tag or digest leads to; `undefined` if it is not there. */
  async manifest(
    repository: string,
    reference: string,
    user: User | undefined,
  ): Promise<Manifest | undefined> {
    const answer = await this.get(`/v2/${repository}/manifests/${reference}`, user, 'GET', manifestTypes)
    if (answer.status === 404) return undefined
    const what = `${this.#domain}/${repository} (asked for ${reference})`
    if (answer.status !== 200) throw this.#refused(answer, what)
    const digest = `sha256:${createHash('sha256').update(answer.body).digest('hex')}`
    return { digest, type: String(answer.headers['content-type']), body: answer.body, ...read(answer.body) }
  }

  /** Gives a manifest that the registry has another tag. */
  async tag(
    repository: string,
    tag: string,
    { type, body }: Manifest,
    user: User | undefined,
  ): Promise<void> {
    const path = `/v2/${repository}/manifests/${tag}`
    const answer = await this.#send('PUT', path, user, { 'content-type': type }, Buffer.from(body))
    if (answer.status !== 201) throw this.#refused(answer, `PUT ${path}`)
  }

  /** Digests of manifests and blobs, on every platform of an image, that the registry should have and has not. */
  async missing(repository: string, manifest: Manifest, user: User | undefined): Promise<string[]> {
    const children = await Promise.all(
      manifest.manifests.map(async ({ digest }) => {
        const child = await this.manifest(repository, digest, user)
        return child ? this.missing(repository, child, user) : [digest]
      }),
    )
    const blobs = await Promise.all(
      manifest.blobs.map(async ({ digest, size }) => {
        const answer = await this.get(`/v2/${repository}/blobs/${digest}`, user, 'HEAD')
        if (answer.status !== 200 && answer.status !== 404) throw this.#refused(answer, `HEAD blob ${digest}`)
        return answer.status === 404 || Number(answer.headers['content-length']) !== size ? [digest] : []
      }),
    )
    return [...new Set([...children, ...blobs].flat())]
  }

  /**
   * Tries to upload a mebibyte and takes it back: Docker does not repeat what a registry says about its own failure, such as
   * that its disk is full. Returns that, or `''` if the upload works.
   */
  async complaint(repository: string, user: User | undefined): Promise<string> {
    const started = await this.#send('POST', `/v2/${repository}/blobs/uploads/`, user, {}, Buffer.alloc(0))
    if (started.status !== 202) return started.body
    const next = ({ headers }: Answer) => {
      const { pathname, search } = new URL(String(headers.location), `https://${this.#domain}`)
      return pathname + search
    }
    const type = { 'content-type': 'application/octet-stream' }
    const sent = await this.#send('PATCH', next(started), user, type, randomBytes(1 << 20))
    if (sent.status !== 202) return sent.body
    await this.#send('DELETE', next(sent), user)
    return ''
  }

  /**
   * Looks at the registry as a client does: a certificate that this machine trusts, nobody let in without credentials, and
   * the user let in with them (or everybody, if there are no users). Throws a sentence if anything is amiss.
   */
  async verify(user: User | undefined): Promise<X509Certificate> {
    const anonymous = await this.get('/v2/')
    if (isPassing(anonymous)) throw this.#refused(anonymous, `https://${this.#domain}/v2/`)
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
        throw isPassing(known)
          ? this.#refused(known, `https://${this.#domain}/v2/`)
          : new Error(
              `${this.#domain} does not let \`${user.name}\` in (${known.status}); is the password in \`users\` the one that it was set up with?`,
            )
    }
    if (anonymous.certificate === undefined) throw new Error(`${this.#domain} shows no certificate`)
    this.#verified = true
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

  #send(
    method: string,
    path: string,
    user: User | undefined,
    headers: Record<string, string> = {},
    body?: Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: this.#domain,
        path,
        method,
        agent: this.#agent,
        timeout,
        headers: { ...headers, ...(body && { 'content-length': String(body.length) }) },
        ...(user && { auth: `${user.name}:${user.password}` }),
      })
      outgoing.on('timeout', () =>
        outgoing.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      )
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // nginx closes idle connections when it is reloaded; what was asked on one just then was never heard.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET' && body === undefined) {
          resolve(this.#send(method, path, user, headers))
        } else {
          reject(this.#failure(error))
        }
      })
      outgoing.on('response', incoming => {
        const certificate = (incoming.socket as TLSSocket).getPeerX509Certificate?.()
        const chunks: Buffer[] = []
        incoming.on('data', chunk => chunks.push(chunk))
        incoming.on('error', error => reject(this.#failure(error)))
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
            certificate,
          }),
        )
      })
      outgoing.end(body)
    })
  }

  #failure(error: NodeJS.ErrnoException): Error {
    const message = this.#explain(error)
    return this.#verified ? new Transient(message) : new Error(message)
  }

  #refused(answer: Answer, what: string): Error {
    const words = answer.body.replace(/\s+/g, ' ').trim().slice(0, 200)
    const message = `${what} is answered with ${answer.status}${words === '' ? '' : `: ${words}`}`
    return isPassing(answer) ? new Transient(message) : new Error(message)
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

function isPassing({ status }: Answer): boolean {
  return status >= 500 || status === 429
}

/** A registry that was cut off may have half a manifest; a push puts that right. */
function read(body: string): Pick<Manifest, 'config' | 'manifests' | 'blobs'> {
  let manifest: Partial<Record<'layers' | 'manifests', (Descriptor & { urls?: string[] })[]>> & {
    config?: Descriptor
  } = {}
  try {
    manifest = JSON.parse(body)
  } catch {}
  const { config, layers = [], manifests = [] } = manifest
  // Layers that say where else they are, such as those of Windows, are not the registry’s to have.
  const own = layers.filter(({ urls = [] }) => urls.length === 0)
  return { config: config?.digest, manifests, blobs: config ? [config, ...own] : own }
}

/** All that a tag may be; a registry answers 404 for a type that was not asked for. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
