import { type IncomingMessage, request } from 'node:http'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { list, number, object, parseJson, string, strings } from '../json.ts'
import { Dial } from './dial.ts'
import { exec } from './exec.ts'

/** What the engine says while it pushes; `progressDetail` counts bytes. */
export interface PushMessage {
  id?: string | undefined
  status?: string | undefined
  progressDetail?: { current?: number | undefined; total?: number | undefined }
  error?: string | undefined
  digest?: string | undefined
}

export interface LocalImage {
  /** The digest of its configuration or, in the containerd image store, of its manifest or index. */
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

/** Milliseconds for taking back a tag, after which a cancelled job would be killed anyhow. */
const untagTimeout = 10_000

/**
 * The runner’s Docker engine, through its API.
 *
 * The API takes a login with each push, so ours is never written anywhere, no credential helper keeps it, and the
 * user’s own logins stay as they are.
 */
export class Docker {
  readonly #cancelled: AbortSignal
  readonly #dial = new Dial()
  #prefix = ''

  private constructor(cancelled: AbortSignal) {
    this.#cancelled = cancelled
  }

  /** Throws a sentence if there is no engine that answers. */
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
   * Pushes an image as `name:tag`, and leaves the engine’s tags as they were, also when it is cancelled. Returns the
   * digest; throws what the engine says.
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
    if (before?.id !== id) await this.#tag(id, name, tag)
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
      // Before 28 the containerd store does not tell the digest; there it is the image’s own, and the caller checks it.
      return digest ?? id
    } finally {
      const signal = AbortSignal.timeout(untagTimeout)
      if (before && before.id !== id) await this.#tag(before.id, name, tag, signal)
      // Docker deletes an image with its last name.
      if (!before && names.length > 0) await this.#ask('DELETE', `/images/${reference}?noprune=1`, signal)
    }
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
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        agent: this.#dial,
        method,
        path: this.#prefix + path,
        headers: { host: 'docker', ...headers },
        signal,
      })
      // A connection that ends may be told of several times, and after the answer it is for whoever reads that.
      let settled = false
      outgoing.on('error', error => {
        if (settled) return
        settled = true
        if (signal.aborted)
          reject(new Failure('connectionLost', 'the push was cancelled; run the workflow again'))
        // The engine was started anew meanwhile. Whatever it had heard of this may be asked again.
        else if (outgoing.reusedSocket) resolve(this.#send(method, path, signal, headers))
        else if (outgoing.socket) void this.#dial.reason(outgoing.socket).then(reject)
        else reject(error)
      })
      outgoing.on('response', incoming => {
        settled = true
        resolve(incoming)
      })
      outgoing.end()
    })
  }
}

/** The lines of an answer that comes bit by bit. */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const whole = (rest + chunk).split('\n')
      rest = whole.pop() ?? ''
      yield* whole.filter(line => line.trim() !== '')
    }
  } catch {
    throw new Error('the engine ended the connection half way (connection reset)')
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

// The engine wants the URL alphabet and, unlike Node’s `base64url`, the padding.
function login(name: string, user: Credentials | undefined): string {
  const auth = user ? { username: user.name, password: user.password, serveraddress: name.split('/')[0] } : {}
  return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

function errorMessage(body: string): string {
  return string(object(parseJson(body)).message) ?? lastLine(body)
}

/**
 * Where Docker looks for the authorities of one registry. `id` tells the files of jobs at the same time apart, and
 * whatever else is there is left alone.
 */
export function trustFile(domain: string, id: string, rootless: boolean): string {
  return `${rootless ? ownFolder() : '/etc/docker'}/certs.d/${domain}/${id}.crt`
}

/** Whether `trustFile` could have named it. */
export function isTrustFile(file: string): boolean {
  const [root = '', name = ''] = file.split('/certs.d/')
  return (
    [ownFolder(), '/etc/docker'].includes(root) &&
    /^[a-z0-9.-]+\/berth-[0-9a-f]{8}\.crt$/.test(name) &&
    !name.startsWith('.')
  )
}

function ownFolder(): string {
  return join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'docker')
}

/** Makes the engine trust a private authority, whose certificate is in `source`, for one registry; it reads the folder at each connection. */
export async function trust(file: string, source: string): Promise<void> {
  const { code, stderr } = await privileged(file, ['install', '-D', '-m', '0644', source, file])
  if (code !== 0)
    throw new Failure(
      'trust',
      `this runner’s Docker can’t be told to trust \`ca\`, for ${file} can’t be written (${lastLine(stderr)}); let the runner’s user write there, or become root with sudo`,
    )
}

/** Takes back what `trust` did. */
export async function distrust(file: string): Promise<void> {
  await privileged(file, ['rm', '-f', file])
  // What else is there is somebody else's.
  await privileged(file, ['rmdir', dirname(file)])
}

// Docker's own folder belongs to root; a hosted runner's user has sudo.
function privileged(file: string, command: readonly string[]) {
  const sudo = process.getuid?.() === 0 || !file.startsWith('/etc/') ? [] : ['sudo', '-n']
  const [program = '', ...args] = [...sudo, ...command]
  return exec(program, args)
}
