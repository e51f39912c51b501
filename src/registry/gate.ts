import { randomBytes } from 'node:crypto'
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import type { Credentials } from '../desired.ts'

/** Bytes that are buffered. With fewer, the same image takes more work. */
const highWaterMark = 1 << 20

/**
 * A port on this machine that reaches the registry’s socket, for clients that can’t use sockets. Others on the machine can reach it
 * too, so it has a password of its own, which only the pushing client is given.
 */
export class Gate {
  readonly user: Credentials = { name: 'berth', password: randomBytes(24).toString('base64url') }
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true })
  readonly #socket: string

  private constructor(socket: string) {
    this.#socket = socket
    this.#server = createServer({ highWaterMark }, (incoming, response) => this.#pass(incoming, response))
    // An upload may take any time.
    Object.assign(this.#server, { requestTimeout: 0, headersTimeout: 0 })
  }

  static async open(socket: string): Promise<Gate> {
    const gate = new Gate(socket)
    await new Promise<void>((resolve, reject) => {
      gate.#server.on('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return gate
  }

  /** The host and port, as they begin an image’s name. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
    this.#agent.destroy()
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = incoming
    const { name, password } = this.user
    const right = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
    // `connection` and `expect` are for this hop only.
    const { authorization, connection: _, expect: __, ...others } = headers
    if (authorization !== right) {
      incoming.resume()
      response.writeHead(401, { 'www-authenticate': 'Basic realm="Berth"' }).end()
      return
    }
    const outgoing = request({
      ...{ socketPath: this.#socket, agent: this.#agent, method, path: url, headers: others, highWaterMark },
    })
    const failed = () => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end('the connection to the server was lost')
    }
    outgoing.on('error', failed)
    outgoing.on('response', answer => {
      response.writeHead(answer.statusCode ?? 502, throughHere(answer))
      pipeline(answer, response, () => {})
    })
    pipeline(incoming, outgoing, () => {})
  }
}

/**
 * The headers of an answer. A registry whose settings name its host (`http.host`) tells where an upload continues with that, which
 * would lead past the gate. Redirects stay as they are: they lead to an object storage.
 */
function throughHere({ statusCode = 0, headers }: IncomingMessage): IncomingHttpHeaders {
  const { location } = headers
  if (
    location === undefined ||
    statusCode >= 300 ||
    !/^https?:\/\//i.test(location) ||
    !URL.canParse(location)
  )
    return headers
  const { pathname, search } = new URL(location)
  return { ...headers, location: pathname + search }
}
