import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Programs } from '../programs.ts'

/** An engine that answers as the test says, behind a `docker` that leads to it as Docker’s own does: `docker system dial-stdio`. */
export class Engine {
  readonly asked: { method: string; url: string; headers: IncomingMessage['headers'] }[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(
    programs: Programs,
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<Engine> {
    const server = createServer((request, response) => {
      const { method = '', url = '', headers } = request
      engine.asked.push({ method, url, headers })
      if (url === '/_ping') response.setHeader('api-version', '1.41').end('OK')
      else answer(request, response)
    })
    const engine = new Engine(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const dial = `const socket = require('node:net').connect(${port}, '127.0.0.1'); socket.on('error', () => process.exit()); socket.pipe(process.stdout); process.stdin.pipe(socket)`
    programs.add(
      'docker',
      `echo "$@" >>"$here/dials"\nenv >"$here/env"\nexec '${process.execPath}' -e "${dial}"`,
    )
    return engine
  }

  /** Ends every connection, as an engine that is started anew. */
  drop(): void {
    this.#server.closeAllConnections()
  }

  async close(): Promise<void> {
    this.drop()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
