import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { selfSigned } from '../pem.ts'

export const identity = selfSigned('localhost')

export const user = { name: 'ci', password: 'a password' }

/** The header with which the user logs in. */
export const right = `Basic ${Buffer.from('ci:a password').toString('base64')}`

/** A server on localhost that asks for a password, until told otherwise. */
export class Host {
  server!: Server
  port = 0
  /** What it answers before it is well, one a request. */
  ill: number[] = []
  /** What it answers then. */
  answers: (authorization: string | undefined, asked: string) => number = given =>
    given === right ? 200 : 401
  connections = 0
  /** The `Authorization` of each request. */
  heard: (string | undefined)[] = []

  async open(): Promise<void> {
    this.server = createServer(identity, ({ headers, method, url }, response) => {
      this.heard.push(headers.authorization)
      response.statusCode = this.ill.shift() ?? this.answers(headers.authorization, `${method} ${url}`)
      response.setHeader('www-authenticate', 'Basic realm="x"').end('words')
    })
    this.server.on('secureConnection', () => this.connections++)
    await new Promise<void>(resolve => this.server.listen(0, resolve))
    this.port = (this.server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise(resolve => this.server.close(resolve))
  }
}
