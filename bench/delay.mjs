// A way of RTT milliseconds in front of a server, for kernels without netem: node delay.mjs RTT SERVER LISTEN_ADDRESS PORT ...
// A connection takes one round trip, then each direction half of one; the order stays, and no byte rate is limited.
import { connect, createServer } from 'node:net'

const [rtt, server, address, ...ports] = process.argv.slice(2)
const half = Number(rtt) / 2

for (const port of ports) {
  createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, client => {
    setTimeout(() => {
      const upstream = connect({ port: Number(port), host: server, noDelay: true, allowHalfOpen: true })
      pass(client, upstream)
      pass(upstream, client)
    }, half * 2)
  }).listen({ port: Number(port), host: address })
}

function pass(from, to) {
  const later = work => setTimeout(work, half)
  from.on('data', chunk => later(() => to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => later(() => to.destroy()))
  from.resume()
}
