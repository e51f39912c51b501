import { type IncomingMessage, request } from 'node:http'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { list, number, object, parseJson, string, strings } from '../json.ts'
import { Dial } from './dial.ts'

/** What the engine says while it pushes; `progressDetail` counts bytes. */
export interface PushMessage {
  id?: string | undefined
  status?: string | undefined
  progressDetail?: { current?: number | undefined; total?: number | undefined }
  error?: string | undefined
  digest?: string | undefined
}

export interface LocalImage {
  /** The digest of its configuration or, in the containerd image store, that of its manifest or index. */
  id: string
  /** In bytes, uncompressed. */
  size: number
  /** As `docker images` shows them. */
  names: string[]
}

interface Answer {
  status: number
  body: string
}

/** Milliseconds for removing a tag. After that a cancelled job would be killed anyway. */
const untagTimeout = 10_000

/**
 * The runner’s Docker engine, through its API.
 *
 * The API takes a login with each push. So ours is never written anywhere, no credential helper stores it, and the user’s own
 * logins stay as they are.
 */
export class Docker {
  readonly #cancelled: AbortSignal
  readonly #dial = new Dial()
  #prefix = ''

  private constructor(cancelled: AbortSignal) {
    this.#cancelled = cancelled
  }

  /** Throws a sentence if no engine answers. */
  static async connect(cancelled: AbortSignal): Promise<Docker> {
    const docker = new Docker(cancelled)
    const pong = await docker.#send('GET', '/_ping')
    pong.resume()
    const version = pong.headers['api-version']
    if (typeof version === 'string') docker.#prefix = `/v${version}`
    return docker
  }

  async image(name: string): Promise<LocalImage | undefined> {
    const { status, body } = await this.#ask('GET', `/images/${name}/json`)
    if (status === 404) return undefined
    if (status !== 200)
      throw new Failure('runnerDocker', `Docker can’t look at ${name}: ${errorMessage(body)}`)
    const { Id, Size, RepoTags } = object(parseJson(body))
    const id = string(Id)
    if (id === undefined)
      throw new Failure(
        'runnerDocker',
        `Docker can’t look at ${name}: ${lastLine(body)}; is it Docker that answers?`,
      )
    return { id, size: number(Size) ?? 0, names: strings(RepoTags) }
  }

  /** The names of all images, as `docker images` shows them. */
  async names(): Promise<string[]> {
    const { body } = await this.#ask('GET', '/images/json')
    return list(parseJson(body))
      .flatMap(image => strings(object(image).RepoTags))
      .filter(name => name !== '<none>:<none>')
  }

  /**
   * Pushes an image as `name:tag`, and leaves the engine’s tags as they were, even if it is cancelled. Returns the digest; throws
   * what the engine says.
   */
  async push(
    { id, names }: LocalImage,
    { name, tag }: { name: string; tag: string },
    user: Credentials | undefined,
    hear: (message: PushMessage) => void,
    cancelled: AbortSignal,
  ): Promise<string> {
    const reference = `${name}:${tag}`
    const before = await this.image(reference)
    // This must not be cancelled: the engine would set the tag anyway, and nobody would remove it.
    if (before?.id !== id) await this.#tag(id, name, tag, AbortSignal.timeout(untagTimeout))
    try {
      let digest: string | undefined
      let error: string | undefined
      const headers = { 'x-registry-auth': login(name, user) }
      const response = await this.#send('POST', `/images/${name}/push?tag=${tag}`, cancelled, headers)
      for await (const line of lines(response)) {
        const message = readMessage(line)
        error ??= message.error
        digest = message.digest ?? digest
        hear(message)
      }
      if (error !== undefined) throw new Error(error)
      // Before version 28 the containerd store does not report the digest. It is the image’s own then, and the caller checks it.
      return digest ?? id
    } finally {
      const signal = AbortSignal.timeout(untagTimeout)
      if (before && before.id !== id) await this.#tag(before.id, name, tag, signal)
      // Docker deletes an image when it loses its last name.
      if (!before && names.length > 0) await this.#ask('DELETE', `/images/${reference}?noprune=1`, signal)
    }
  }

  /** Whether the engine can log in to a registry, which may be on this machine. */
  async reaches(address: string, { name, password }: Credentials): Promise<boolean> {
    const login = JSON.stringify({ username: name, password, serveraddress: address })
    const response = await this.#send(
      'POST',
      '/auth',
      undefined,
      { 'content-type': 'application/json' },
      login,
    )
    response.resume()
    return response.statusCode === 200
  }

  /** Whether it runs without root, and so looks for authorities in the user’s own folder. */
  async rootless(): Promise<boolean> {
    const { body } = await this.#ask('GET', '/info')
    return strings(object(parseJson(body)).SecurityOptions).includes('name=rootless')
  }

  async #tag(id: string, name: string, tag: string, signal?: AbortSignal): Promise<void> {
    const { status, body } = await this.#ask('POST', `/images/${id}/tag?repo=${name}&tag=${tag}`, signal)
    if (status !== 201)
      throw new Failure('runnerDocker', `Docker can’t tag ${id} as ${name}:${tag}: ${errorMessage(body)}`)
  }

  async #ask(method: string, path: string, signal?: AbortSignal): Promise<Answer> {
    const response = await this.#send(method, path, signal)
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    return { status: response.statusCode ?? 0, body }
  }

  #send(
    method: string,
    path: string,
    signal = this.#cancelled,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        agent: this.#dial,
        method,
        path: this.#prefix + path,
        headers: { host: 'docker', ...headers },
        signal,
      })
      // The end of a connection may be reported several times. After the answer has begun, its reader is told.
      let settled = false
      outgoing.on('error', error => {
        if (settled) return
        settled = true
        if (signal.aborted)
          reject(new Failure('connectionLost', 'the push was cancelled; run the workflow again'))
        // The engine was restarted in the meantime. All of these requests may be repeated.
        else if (outgoing.reusedSocket) resolve(this.#send(method, path, signal, headers, body))
        else if (outgoing.socket) void this.#dial.reason(outgoing.socket).then(reject)
        else reject(error)
      })
      outgoing.on('response', incoming => {
        settled = true
        resolve(incoming)
      })
      outgoing.end(body)
    })
  }
}

/** The lines of an answer, as they arrive. */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const whole = (rest + chunk).split('\n')
      rest = whole.pop() ?? ''
      yield* whole.filter(line => line.trim() !== '')
    }
  } catch {
    throw new Error('the engine closed the connection halfway (connection reset)')
  }
  if (rest.trim() !== '') yield rest
}

function readMessage(line: string): PushMessage {
  const { id, status, progressDetail, error, message, aux } = object(parseJson(line))
  const { current, total } = object(progressDetail)
  return {
    id: string(id),
    status: string(status),
    progressDetail: { current: number(current), total: number(total) },
    error: string(error) ?? string(message),
    digest: string(object(aux).Digest),
  }
}

// The engine expects the URL alphabet but, unlike Node’s `base64url`, with padding.
function login(name: string, user: Credentials | undefined): string {
  const auth = user ? { username: user.name, password: user.password, serveraddress: name.split('/')[0] } : {}
  return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

function errorMessage(body: string): string {
  return string(object(parseJson(body)).message) ?? lastLine(body)
}
