import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:https'
import { setTimeout } from 'node:timers/promises'

interface Place {
  domain: string
  address: string
  ca: string
  /** `name:password`. */
  credentials: string
}

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

const types = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  list: 'application/vnd.oci.image.index.v1+json',
}

/**
 * Clients that push and pull at the same time, and know which images must be there in the end. Each works in repositories of its own,
 * for a model of what happens in one repository at the same time would have to guess; layers and images are the same for all.
 */
export class Storm {
  readonly #place: Place
  readonly #agent: Agent
  /** What every tag points to, by `repository:tag`, the one pushed last at the end; empty if an answer left that open. */
  readonly tags = new Map<string, string>()
  /** Images that were pushed by digest only, as `repository@digest`. */
  readonly digests = new Set<string>()
  readonly counts = {
    pushes: 0,
    pulls: 0,
    deletes: 0,
    refused: 0,
    failedPulls: 0,
    inTrouble: 0,
    other: [] as string[],
  }
  /** Whether the disk is full, or was a moment ago: what fails then is counted by itself. */
  inTrouble = false
  /** Layers that all clients have, so that they share and mount them. */
  readonly #layers = Array.from({ length: 12 }, () => randomBytes(20_000))
  #stopped = false

  constructor(place: Place) {
    this.#place = place
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16 })
  }

  /** Runs clients until `stop`; each keeps at work for the rest when one request fails. */
  async run(clients: number): Promise<void> {
    this.#stopped = false
    await Promise.all(Array.from({ length: clients }, (_, index) => this.#client(index)))
  }

  /** One image of two layers, of which all share one. */
  async push(repository: string, tag: string): Promise<void> {
    await this.#image(repository, tag, [this.#shared(0), randomBytes(5000)])
  }

  stop(): void {
    this.#stopped = true
  }

  close(): void {
    this.#agent.destroy()
  }

  async #client(index: number): Promise<void> {
    for (let round = 0; !this.#stopped; round++) {
      const repository = `storm/${['kept', 'aged'][round % 2]}/app${index}`
      const { inTrouble } = this
      try {
        await this.#work(repository, index, round)
      } catch (error) {
        if (inTrouble || this.inTrouble) {
          this.counts.inTrouble++
          await setTimeout(200)
        } else this.counts.other.push(`${repository} round ${round}: ${(error as Error).message}`)
      }
    }
  }

  async #work(repository: string, index: number, round: number): Promise<void> {
    const tag = `t${round}`
    const kind = round % 7
    const own = randomBytes(500 + (round % 5) * 10_000)
    if (kind === 3) {
      const platforms = await Promise.all(
        [own, randomBytes(400)].map(each => this.#image(repository, undefined, [this.#shared(round), each])),
      )
      if (platforms.some(each => each === undefined)) return
      const list = {
        schemaVersion: 2,
        mediaType: types.list,
        manifests: platforms.map(each => descriptor(types.image, each ?? Buffer.alloc(0))),
      }
      await this.#manifest(repository, tag, Buffer.from(JSON.stringify(list)), types.list)
    } else if (kind === 4) {
      const manifest = await this.#image(repository, undefined, [this.#shared(round), own])
      if (manifest) this.digests.add(`${repository}@${digestOf(manifest)}`)
    } else if (kind === 5) {
      // A tag that moves back and forth between two images.
      const other = this.#shared(index + 1 + (Math.floor(round / 14) % 2))
      await this.#image(repository, 'moves', [this.#shared(index), other])
    } else {
      const manifest = await this.#image(repository, tag, [this.#shared(round), this.#shared(round + 1), own])
      if (manifest && kind === 1)
        await this.#image(repository, `${digestOf(manifest).replace(':', '-')}.sig`, [randomBytes(100)])
      if (manifest && kind === 2) {
        this.tags.set(`${repository}:${tag}`, '')
        const { status } = await this.#ask('DELETE', `/v2/${repository}/manifests/${digestOf(manifest)}`)
        if (status !== 202) throw new Error(`a delete was answered with ${status}`)
        this.tags.delete(`${repository}:${tag}`)
        this.counts.deletes++
      }
    }
    const known = [...this.tags].filter(([name, digest]) => name.startsWith('storm/kept/') && digest !== '')
    const [name, digest] = known[Math.floor(Math.random() * known.length)] ?? []
    if (name && digest) {
      this.counts.pulls++
      const problems = await this.pull(name.replace(/:[^:]*$/, ''), digest)
      if (problems.length > 0 && this.inTrouble) this.counts.inTrouble++
      else if (problems.length > 0) this.counts.failedPulls++
    }
  }

  #shared(number: number): Buffer {
    return this.#layers[number % this.#layers.length] ?? Buffer.alloc(0)
  }

  /** Pushes as clients do: looks for each layer, mounts or uploads it, then the manifest; begins anew where that is refused. */
  async #image(
    repository: string,
    tag: string | undefined,
    layers: readonly Buffer[],
  ): Promise<Buffer | undefined> {
    const config = Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: {},
        rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      }),
    )
    const manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: types.image },
        config: descriptor('application/vnd.oci.image.config.v1+json', config),
        layers: layers.map(each => descriptor('application/vnd.oci.image.layer.v1.tar', each)),
      }),
    )
    for (let attempt = 0; attempt < 10; attempt++) {
      // The old one of a layer may be set aside at the very moment when a new one takes its place: clients begin anew then, too.
      let isWhole = true
      for (const blob of [config, ...layers]) isWhole &&= await this.#blob(repository, blob)
      const taken =
        isWhole && (await this.#manifest(repository, tag ?? digestOf(manifest), manifest, types.image))
      if (taken) return manifest
      this.counts.refused++
    }
    throw new Error('refused ten times')
  }

  /** Whether the registry has it then. */
  async #blob(repository: string, blob: Buffer): Promise<boolean> {
    const digest = digestOf(blob)
    const there = await this.#ask('HEAD', `/v2/${repository}/blobs/${digest}`)
    if (there.status === 200) return true
    const from = repository.replace(/app\d+$/, 'app0')
    const start = await this.#ask(
      'POST',
      `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`,
    )
    if (start.status === 201) return true
    if (start.status !== 202) throw new Error(`an upload began with ${start.status}`)
    const location = String(start.headers.location).replace(/^https?:\/\/[^/]+/, '')
    const end = await this.#ask(
      'PUT',
      `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`,
      blob,
      'application/octet-stream',
    )
    if (![201, 500].includes(end.status)) throw new Error(`an upload ended with ${end.status}`)
    return end.status === 201
  }

  async #manifest(repository: string, reference: string, manifest: Buffer, type: string): Promise<boolean> {
    const name = `${repository}:${reference}`
    const before = this.tags.get(name)
    const is = (digest: string) => {
      if (reference.includes(':')) return
      this.tags.delete(name)
      this.tags.set(name, digest)
    }
    // Until it is answered, it may point to either.
    is('')
    const { status, body } = await this.#ask(
      'PUT',
      `/v2/${repository}/manifests/${reference}`,
      manifest,
      type,
    )
    if (status === 201) {
      this.counts.pushes++
      is(digestOf(manifest))
      return true
    }
    if (status === 400 && /UNKNOWN/.test(body.toString())) {
      if (before === undefined) this.tags.delete(name)
      else is(before)
      return false
    }
    throw new Error(`a manifest was answered with ${status} ${body}`)
  }

  /** What of an image can’t be pulled. */
  async pull(repository: string, reference: string): Promise<string[]> {
    const { status, body } = await this.#ask('GET', `/v2/${repository}/manifests/${reference}`)
    if (status !== 200) return [`${repository} ${reference}: ${status}`]
    const { config, layers = [], manifests = [] } = JSON.parse(body.toString())
    const missing: string[] = []
    for (const { digest } of [...(config ? [config] : []), ...layers]) {
      const blob = await this.#ask('GET', `/v2/${repository}/blobs/${digest}`)
      if (blob.status !== 200 || digestOf(blob.body) !== digest)
        missing.push(`${repository} ${reference} ${digest}: ${blob.status}`)
    }
    for (const { digest } of manifests) missing.push(...(await this.pull(repository, digest)))
    return missing
  }

  /** All that should be there and can’t be pulled whole. `kept` says which repositories are looked at. */
  async lost(kept: (repository: string) => boolean): Promise<string[]> {
    const names = [...this.tags].map(
      ([name, digest]) => [name.replace(/:[^:]*$/, ''), name.replace(/^.*:/, ''), digest] as const,
    )
    const lost: string[] = []
    for (const [repository, tag, digest] of names) {
      if (!kept(repository) || digest === '') continue
      const { headers, status } = await this.#ask('HEAD', `/v2/${repository}/manifests/${tag}`)
      if (headers['docker-content-digest'] !== digest)
        lost.push(`${repository}:${tag} is ${status} ${headers['docker-content-digest']}, not ${digest}`)
      lost.push(...(await this.pull(repository, tag)))
    }
    for (const each of this.digests) {
      const [repository = '', digest = ''] = each.split('@')
      if (kept(repository)) lost.push(...(await this.pull(repository, digest)))
    }
    return lost
  }

  #ask(method: string, path: string, body?: Buffer, type?: string): Promise<Answer> {
    const { domain, address, ca, credentials } = this.#place
    return new Promise((resolve, reject) => {
      const headers = {
        host: domain,
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        accept: Object.values(types).join(', '),
        'content-length': body?.length ?? 0,
        ...(type && { 'content-type': type }),
      }
      const asked = request(
        { host: address, servername: domain, ca, agent: this.#agent, method, path, headers, timeout: 60_000 },
        answer => {
          const chunks: Buffer[] = []
          answer.on('data', chunk => chunks.push(chunk))
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
          )
          answer.on('error', reject)
        },
      )
      asked.on('error', reject)
      asked.end(body)
    })
  }
}

function descriptor(mediaType: string, content: Buffer) {
  return { mediaType, digest: digestOf(content), size: content.length }
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
