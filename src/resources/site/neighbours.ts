import { Failure } from '../../failure.ts'

/** A site of somebody else’s in the same nginx. */
export interface Neighbour {
  kind: string
  /** As `listen` has it. */
  listen: string
  file: string
}

/** Reads `KIND LISTEN FILE;…`: those that leave no room. A server with several addresses may have one for another site. */
export function readNeighbours(text: string, addresses: readonly string[]): Neighbour[] {
  const sixes = addresses.filter(each => each.includes(':'))
  const fours = addresses.filter(each => each.includes('.'))
  const alone = [fours, sixes].flatMap(each => (each.length === 1 ? each : []))
  return text
    .split(';')
    .filter(Boolean)
    .map(each => {
      const [kind = '', listen = '', file = ''] = each.split(' ')
      return { kind, listen, file }
    })
    .filter(({ kind, listen }) => {
      if (kind !== 'address') return true
      const host = /^\[(.*)\]|^([^:]*)/.exec(listen)?.slice(1).find(Boolean) ?? ''
      // Here Berth itself asks what is served.
      return alone.includes(host) || listen === '127.0.0.1:443' || listen === 'localhost:443'
    })
}

/** What to do about one that leaves no room. */
export function neighbourFailure({ kind, listen, file }: Neighbour): Failure {
  const port = /:443$|^443$/.test(listen) ? '443' : '80'
  const what = `\`listen ${listen}\` in ${file}`
  switch (kind) {
    case 'dual':
      return new Failure(
        'port',
        `${what} takes IPv4 as well (\`ipv6only=off\`), so that nginx can’t have port ${port} for other sites; write \`listen ${port}\` and \`listen [::]:${port}\` there instead, each with its other words, and run again`,
      )
    case 'stream':
      return new Failure(
        'port',
        `${what} belongs to a \`stream\`, so that nginx can have no web server on port ${port}; move the stream to another port or the registry to another server, and run again`,
      )
    case 'proxy':
      return new Failure(
        'port',
        `${what} has \`proxy_protocol\`, which nginx then wants from the clients of every site on port ${port}; take it away there, or give that site a port or an address of its own, and run again`,
      )
    default:
      return new Failure(
        'port',
        `${what} gives all that comes to this address to that site, so that nobody gets to the registry; write \`listen ${port}\` there instead, and run again`,
      )
  }
}
