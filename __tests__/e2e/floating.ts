import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:https'

interface Place {
  domain: string
  /** The addresses that clients try, each time in this order, until one lets them connect. */
  addresses: () => readonly string[]
  ca: string
  /** `name:password`. */
  credentials: string
  /** Milliseconds that a client waits for a connection, and then for anything to happen on it. */
  timeout: number
}

/** What clients had of a registry while something happened to it. */
export interface Figures {
  pulls: number
  pushes: number
  /** Requests that went wrong at first, and that the client sent again. */
  again: number
  /** What failed however often the client tried. */
  failedPulls: string[]
  failedPushes: string[]
  /** Seconds that the slowest pull or push took. */
  slowest: number
}

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`
const type = 'application/vnd.oci.image.manifest.v1+json'

/** Clients that push and pull all the time, and try again for a while what fails, as Docker does. */
export class Clients {
  readonly #place: Place
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 })
  readonly #pushed: { repository: string; tag: string }[] = []
  #figures: Figures = fresh()
  #stopped = false
  #round = 0

  constructor(place: Place) {
    this.#place = place
  }

  /** Two that push and three that pull, until `stop`. */
  async run(): Promise<void> {
    await this.#push('seed')
    const loops = ['a', 'b'].map(async name => {
      while (!this.#stopped) await this.#timed('failedPushes', 'pushes', () => this.#push(name))
    })
    const pulls = [1, 2, 3].map(async () => {
      while (!this.#stopped) await this.#timed('failedPulls', 'pulls', () => this.#pull())
    })
    await Promise.all([...loops, ...pulls])
    this.#agent.destroy()
  }

  stop(): void {
    this.#stopped = true
  }

  /** What has happened since it was last asked. */
  figures(): Figures {
    const figures = this.#figures
    this.#figures = fresh()
    return figures
  }

  async #timed(failed: 'failedPulls' | 'failedPushes', done: 'pulls' | 'pushes', work: () => Promise<void>) {
    const began = performance.now()
    try {
      await work()
      this.#figures[done]++
    } catch (error) {
      this.#figures[failed].push((error as Error).message)
    }
    this.#figures.slowest = Math.max(this.#figures.slowest, (performance.now() - began) / 1000)
  }

  async #push(name: string): Promise<void> {
    const [repository, tag] = [`load/${name}`, `t${this.#round++}`]
    const [config, layer] = [Buffer.from(JSON.stringify({ tag, name })), randomBytes(400_000)]
    const descriptor = (content: Buffer) => ({ digest: digestOf(content), size: content.length })
    const manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: type },
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...descriptor(config) },
        layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...descriptor(layer) }],
      }),
    )
    await this.#again(async () => {
      for (const blob of [config, layer]) {
        const { location } = (await this.#ask('POST', `/v2/${repository}/blobs/uploads/`, 202)).headers
        const at = String(location).replace(/^https?:\/\/[^/]+/, '')
        await this.#ask('PUT', `${at}&digest=${digestOf(blob)}`, 201, blob)
      }
    })
    await this.#again(() => this.#ask('PUT', `/v2/${repository}/manifests/${tag}`, 201, manifest, type))
    this.#pushed.push({ repository, tag })
  }

  async #pull(): Promise<void> {
    const { repository, tag } = this.#pushed[Math.floor(Math.random() * this.#pushed.length)] ?? {}
    const { body } = await this.#again(() => this.#ask('GET', `/v2/${repository}/manifests/${tag}`, 200))
    const { config, layers } = JSON.parse(body.toString())
    for (const { digest } of [config, ...layers])
      await this.#again(async () => {
        const blob = await this.#ask('GET', `/v2/${repository}/blobs/${digest}`, 200)
        if (digestOf(blob.body) !== digest) throw new Error('a layer is not whole')
      })
  }

  /** Docker tries a layer five times; with pauses of up to 2 s here, so for some 20 s. */
  async #again<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt === 12) throw error
        this.#figures.again++
        await new Promise(resolve => setTimeout(resolve, Math.min(2000, 200 * attempt)))
      }
    }
  }

  async #ask(method: string, path: string, wanted: number, body?: Buffer, kind = 'application/octet-stream') {
    const failures: string[] = []
    for (const address of this.#place.addresses()) {
      try {
        const answer = await this.#askAt(address, method, path, body, kind)
        if (answer.status !== wanted)
          throw new Error(`${method} ${path.replace(/\?.*/, '')} was answered with ${answer.status}`)
        return answer
      } catch (error) {
        failures.push((error as Error).message)
        // The next address is for those who could not connect.
        if (!(error as { unconnected?: boolean }).unconnected) break
      }
    }
    throw new Error(failures.join(', '))
  }

  #askAt(address: string, method: string, path: string, body: Buffer | undefined, kind: string) {
    const { domain, ca, credentials, timeout } = this.#place
    return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
      (resolve, reject) => {
        let connected = false
        const headers = {
          host: domain,
          authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
          accept: type,
          'content-length': body?.length ?? 0,
          ...(body && { 'content-type': kind }),
        }
        const asked = request(
          {
            host: address,
            servername: domain,
            ca,
            agent: this.#agent,
            method,
            path,
            headers,
            timeout,
          },
          answer => {
            const chunks: Buffer[] = []
            answer.on('data', chunk => chunks.push(chunk))
            answer.on('end', () =>
              resolve({
                status: answer.statusCode ?? 0,
                headers: answer.headers,
                body: Buffer.concat(chunks),
              }),
            )
            answer.on('error', reject)
          },
        )
        asked.on('socket', socket => {
          if (socket.connecting) socket.once('secureConnect', () => (connected = true))
          else connected = true
        })
        asked.on('timeout', () => asked.destroy(new Error(`${address} is silent`)))
        asked.on('error', error => reject(Object.assign(error, { unconnected: !connected })))
        asked.end(body)
      },
    )
  }
}

function fresh(): Figures {
  return { pulls: 0, pushes: 0, again: 0, failedPulls: [], failedPushes: [], slowest: 0 }
}

/** A line for people. */
export function told(
  what: string,
  { pulls, pushes, again, failedPulls, failedPushes, slowest }: Figures,
): string {
  return `${what.padEnd(44)} ${pulls} pulls, ${failedPulls.length} failed; ${pushes} pushes, ${failedPushes.length} failed; ${again} requests sent again; slowest ${slowest.toFixed(1)} s`
}
