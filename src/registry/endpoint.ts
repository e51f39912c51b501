import { randomBytes, type X509Certificate } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { type Answer, isPassing, Transport } from './transport.ts'

/** Milliseconds within which a new password must work. */
const newPassword = 10_000

/** The same where nginx slows down the requests of this address. */
const heldUp = 60_000

/** Requests that must be refused without a password: one of each kind. They leave nothing behind even if they are answered. */
const locked: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/v2/'],
  ['GET', '/v2/_catalog?n=1'],
  ['GET', '/v2/berth/check/manifests/none'],
  ['GET', `/v2/berth/check/blobs/sha256:${'0'.repeat(64)}`],
  ['PUT', '/v2/berth/check/manifests/none'],
]

/** Milliseconds after which another address of the name counts as out of reach. */
const otherAddress = 2000

/** The registry lets somebody in whom it must not. */
export class Unlocked extends Failure {}

/** The registry as its clients see it: whether it shows a certificate, and who is let in. */
export class Endpoint extends Transport {
  /**
   * Looks at the registry as a client does. This machine must trust its certificate. Nobody may get in without a password, with a
   * wrong one or as an unknown user, and `user` must get in; or everybody, if there are no users. A registry that checks
   * passwords itself (`own`) only has to answer. Throws a sentence if anything is wrong.
   */
  async verify(user: Credentials | undefined, own = false): Promise<X509Certificate> {
    const anonymous = await this.ask('GET', '/v2/')
    if (isPassing(anonymous)) throw this.refused(anonymous, 'v2/')
    if (own) this.#checkOwn(anonymous)
    else if (user === undefined) this.#checkOpen(anonymous)
    else {
      this.#checkChallenge(anonymous)
      await this.#checkLock(user)
    }
    if (anonymous.certificate === undefined) throw this.noCertificate()
    this.verified = true
    return anonymous.certificate
  }

  async #checkLock(user: Credentials): Promise<void> {
    const wrong = randomBytes(18).toString('base64url')
    const others = this.#elsewhere()
    others.catch(() => {})
    const known = await this.ask('GET', '/v2/', user)
    // Only now, because a cache may have kept the answer to the user. nginx slows down wrong passwords, so two must do.
    const [nobodys, strangers, elsewhere] = await Promise.all([
      this.#askInTurn(locked),
      this.#askInTurn([
        ['GET', '/v2/', { ...user, password: wrong }],
        ['GET', '/v2/_catalog?n=1', { name: `nobody-${wrong}`, password: wrong }],
      ]),
      others,
    ])
    if ([...strangers, ...nobodys, ...elsewhere].some(isLetIn)) throw this.#unlocked()
    const odd = strangers.find(({ status }) => status !== 401 && status !== 429)
    if (odd) throw this.refused(odd, 'v2/')
    if (known.status === 200) return
    throw isPassing(known)
      ? this.refused(known, 'v2/')
      : new Failure(
          'registryLogin',
          `${this.domain} does not let \`${user.name}\` in (${known.status}); is the password in \`users\` the one that it was set up with?`,
        )
  }

  /** Over one connection, because to begin another takes longer than to wait for a few answers. Adds them to `answers`. */
  async #askInTurn(
    requests: readonly (readonly [method: string, path: string, user?: Credentials])[],
    answers: Answer[] = [],
  ): Promise<Answer[]> {
    for (const request of requests) answers.push(await this.ask(...request))
    return answers
  }

  /** The answers to requests without a password at each of the name’s addresses, as far as they can be reached from here. */
  async #elsewhere(): Promise<Answer[]> {
    const addresses = await lookup(this.address, { all: true })
    if (addresses.length < 2) return []
    const answers: Answer[] = []
    const askAll = async ({ address }: { address: string }) => {
      const endpoint = new Endpoint(this.domain, this.ca, { address, port: this.port })
      const late = setTimeout(() => endpoint.close(), otherAddress)
      try {
        await endpoint.#askInTurn(locked, answers)
      } catch {
      } finally {
        clearTimeout(late)
        endpoint.close()
      }
    }
    await Promise.all(addresses.map(askAll))
    return answers
  }

  #checkOwn({ status }: Answer): void {
    if (status !== 200 && status !== 401)
      throw new Failure(
        'registryLogin',
        `${this.domain} should ask for credentials as \`registry-config\` says, but answers ${status}; does the name point to this server?`,
      )
  }

  #checkOpen({ status }: Answer): void {
    if (status !== 200)
      throw new Failure(
        'registryLogin',
        `${this.domain} should be open to everybody, but answers ${status}; does the name point to this server?`,
      )
  }

  #checkChallenge({ status, headers }: Answer): void {
    if (status === 200) throw this.#unlocked()
    if (status !== 401 || !/^Basic /i.test(String(headers['www-authenticate'] ?? '')))
      throw new Failure(
        'registryLogin',
        `${this.domain} should ask for credentials, but answers ${status}; does the name point to this server?`,
      )
  }

  #unlocked(): Unlocked {
    return new Unlocked(
      'registryLogin',
      `${this.domain} lets people in without a password or with a wrong one; does the name point to this server, and does another site of its nginx answer first (see \`nginx -T\`)?`,
    )
  }

  /** Logs in as each user; throws a sentence that names who is not let in. */
  async admit(users: readonly Credentials[]): Promise<void> {
    const [first, ...others] = users
    // nginx keeps its old rules for a moment after a reload.
    if (first) await this.#admit(first)
    await Promise.all(others.map(user => this.#admit(user)))
  }

  async #admit(user: Credentials): Promise<void> {
    const started = performance.now()
    for (;;) {
      const { status } = await this.ask('GET', '/v2/', user)
      if (status === 200) return
      // Somebody is guessing passwords from the same address, so nginx lets one request a second through.
      const limit = status === 429 ? heldUp : newPassword
      if (performance.now() - started > limit)
        throw new Failure(
          'registryLogin',
          `${this.domain} answers ${status} to \`${user.name}\` with the new password; does its nginx read the htpasswd file in Berth’s directory?`,
        )
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }
}

/** Whether the request got to the registry: it succeeded, or the registry itself says that there is no such thing. */
function isLetIn({ status, body }: Answer): boolean {
  return status < 400 || ([400, 404].includes(status) && /"code": *"[A-Z_]+"/.test(body))
}
