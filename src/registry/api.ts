import { createHash, randomBytes } from 'node:crypto'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { list, number, object, parseJson, string } from '../json.ts'
import type { Endpoint } from './endpoint.ts'
import type { Answer } from './transport.ts'

/** What a tag or digest points to: an image, or an index of images. */
export interface Manifest {
  digest: string
  type: string
  /** Exactly the bytes that the registry has. */
  body: string
  /** Digest of the image’s configuration; `undefined` for an index. */
  config: string | undefined
  manifests: Descriptor[]
  /** Configuration and layers. */
  blobs: Descriptor[]
}

interface Descriptor {
  digest: string
  size: number
}

/** How deep indexes within indexes are followed, and how many manifests of one: a registry could name any number. */
const maxDepth = 3
const maxManifests = 1000

/**
 * Bytes of a trial upload: more than the mebibyte that nginx lets through where nobody has set `client_max_body_size`.
 */
const trial = (1 << 20) + 1

/**
 * Requests of one user to a registry, by the OCI Distribution Specification. All methods throw a sentence, and `Transient` if the
 * same request may succeed in a moment.
 */
export class RegistryApi {
  readonly #endpoint: Endpoint
  readonly #user: Credentials | undefined

  constructor(endpoint: Endpoint, user: Credentials | undefined) {
    this.#endpoint = endpoint
    this.#user = user
  }

  /** What a tag or digest points to; `undefined` if it is not there. */
  async manifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const answer = await this.#ask('GET', manifestPath(repository, reference), { accept: manifestTypes })
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw this.#endpoint.refused(answer, `${repository}:${reference}`)
    const digest = `sha256:${createHash('sha256').update(answer.body).digest('hex')}`
    return { digest, type: String(answer.headers['content-type']), body: answer.body, ...read(answer.body) }
  }

  /** The configuration of an image, in JSON; `undefined` if it is in an object storage that this machine can’t read from. */
  async config(repository: string, digest: string): Promise<string | undefined> {
    const answer = await this.#ask('GET', `/v2/${repository}/blobs/${digest}`)
    const location = redirect(answer)
    if (location !== undefined) {
      const moved = await this.#endpoint.follow(location).catch(() => undefined)
      return moved?.status === 200 ? moved.body : undefined
    }
    if (answer.status !== 200) throw this.#endpoint.refused(answer, `${repository}@${digest}`)
    return answer.body
  }

  /** Gives another tag to a manifest that the registry has. */
  async tag(repository: string, tag: string, { type, body }: Manifest): Promise<void> {
    const path = manifestPath(repository, tag)
    const answer = await this.#ask('PUT', path, { 'content-type': type }, Buffer.from(body))
    if (answer.status !== 201) throw this.#endpoint.refused(answer, `${repository}:${tag}`)
  }

  /** Digests of all manifests and blobs of an image, for every platform, that the registry lacks. */
  async missing(repository: string, manifest: Manifest, depth = 0): Promise<string[]> {
    if (depth > maxDepth || manifest.manifests.length > maxManifests)
      throw new Failure(
        'push',
        `${repository}@${manifest.digest} is an index of more manifests than any image has; is it a registry that answers there?`,
      )
    const children = await Promise.all(
      manifest.manifests.map(async ({ digest }) => {
        const child = await this.manifest(repository, digest)
        return child ? this.missing(repository, child, depth + 1) : [digest]
      }),
    )
    const blobs = await Promise.all(
      manifest.blobs.map(async ({ digest, size }) => {
        const answer = await this.#ask('HEAD', `/v2/${repository}/blobs/${digest}`)
        // A registry redirects only to what it has found itself.
        if (redirect(answer) !== undefined) return []
        if (answer.status !== 200 && answer.status !== 404)
          throw this.#endpoint.refused(answer, `${repository}@${digest}`)
        return answer.status === 404 || Number(answer.headers['content-length']) !== size ? [digest] : []
      }),
    )
    return [...new Set([...children, ...blobs].flat())]
  }

  /**
   * Uploads a little and takes it back, because Docker does not pass on what a registry says about its own failure, such as a full
   * disk. Returns the status and words of the refusal, or `''` if the upload works.
   */
  async trialUpload(repository: string): Promise<string> {
    const started = await this.#ask('POST', `/v2/${repository}/blobs/uploads/`, {}, Buffer.alloc(0))
    if (started.status !== 202) return `${started.status} ${started.body}`
    const type = { 'content-type': 'application/octet-stream' }
    const sent = await this.#ask('PATCH', upload(started), type, randomBytes(trial))
    await this.#ask('DELETE', upload(sent.status === 202 ? sent : started)).catch(() => {})
    return sent.status === 202 ? '' : `${sent.status} ${sent.body}`
  }

  #ask(method: string, path: string, headers: Record<string, string> = {}, body?: Buffer): Promise<Answer> {
    return this.#endpoint.ask(method, path, this.#user, headers, body)
  }
}

const manifestPath = (repository: string, reference: string) => `/v2/${repository}/manifests/${reference}`

/** Where a registry sends clients for a blob, such as with `s3-redirect`. */
function redirect({ status, headers }: Answer): string | undefined {
  return status === 307 || status === 302 ? string(headers.location) : undefined
}

/** Where an upload continues. A registry may give the whole URL or only the path. */
function upload({ headers }: Answer): string {
  const { pathname, search } = new URL(String(headers.location), 'https://registry')
  return pathname + search
}

/** A registry that was cut off may have half a manifest; a push puts that right. */
function read(body: string): Pick<Manifest, 'config' | 'manifests' | 'blobs'> {
  const { config, layers, manifests } = object(parseJson(body))
  const [configuration] = descriptors([config])
  // Layers with URLs of their own, such as those of Windows, need not be in the registry.
  const own = list(layers).filter(layer => list(object(layer).urls).length === 0)
  return {
    config: configuration?.digest,
    manifests: descriptors(list(manifests)),
    blobs: descriptors([config, ...own]),
  }
}

function descriptors(values: readonly unknown[]): Descriptor[] {
  return values.flatMap(value => {
    const digest = string(object(value).digest)
    const size = number(object(value).size)
    return digest === undefined || size === undefined ? [] : [{ digest, size }]
  })
}

/** Everything that a tag may point to. A registry answers 404 for types that the request does not accept. */
const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
