import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gateway } from './network.ts'

export interface ForwardProxy {
  /** What HTTPS_PROXY is for machines of the lab. */
  url: string
  /** `host:port` of each tunnel that was asked for, also in vain. */
  asked: string[]
  close(): void
}

/** A company's way to the internet: it opens tunnels to these `host:port`, and refuses all others as its policy. */
export async function forwardProxy(allowed: readonly string[]): Promise<ForwardProxy> {
  const asked: string[] = []
  const server = createServer((_, outgoing) => outgoing.writeHead(405).end())
  server.on('connect', ({ url: target = '' }, client, head) => {
    asked.push(target)
    client.on('error', () => {})
    if (!allowed.includes(target)) return client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const { hostname, port } = new URL(`http://${target}`)
    const there = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      there.write(head)
      there.pipe(client).pipe(there)
    })
    there.on('error', () => client.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  return {
    url: `http://${await gateway()}:${(server.address() as AddressInfo).port}`,
    asked,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
