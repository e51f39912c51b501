// Guesses passwords of a user, 300 a second, in one of several ways; on the machine from which the guesses are to come.
// That many were looked at before anything slowed them down; more would only take the processor from other tests.
// node guess.mjs WAY DOMAIN USER SECONDS. Prints how many guesses it sent, and how many it was told to be right.
import { connect as http2 } from 'node:http2'
import { setTimeout as pass } from 'node:timers/promises'
import { connect } from 'node:tls'

const [, , way, domain, user, seconds] = process.argv
const rate = 300
const begin = Date.now()
const passed = () => (Date.now() - begin) / 1000
const counts = { sent: 0, right: 0 }
const header = () => `Basic ${Buffer.from(`${user}:guess-${counts.sent++}`).toString('base64')}`
/** Whether to go on, once it is time for the next guess. */
const going = async () => {
  while (counts.sent > passed() * rate && passed() < Number(seconds)) await pass(10)
  return passed() < Number(seconds)
}

/** Several requests on one connection, without waiting; it hangs up after some milliseconds. */
const burst = (requests, milliseconds) =>
  new Promise(resolve => {
    const socket = connect(
      { host: domain, port: 443, servername: domain, family: 4, rejectUnauthorized: false },
      () => {
        for (let request = 0; request < requests; request++)
          socket.write(`GET /v2/ HTTP/1.1\r\nHost: ${domain}\r\nAuthorization: ${header()}\r\n\r\n`)
        setTimeout(() => socket.destroy(), milliseconds)
      },
    )
    socket.setEncoding('latin1').on('data', text => {
      counts.right += text.split('HTTP/1.1 200').length - 1
    })
    socket.on('error', () => {})
    socket.on('close', resolve)
  })

const streams = session =>
  new Promise(resolve => {
    const stream = session.request({ ':path': '/v2/', authorization: header() })
    stream.on('response', headers => {
      if (headers[':status'] === 200) counts.right++
    })
    stream.on('error', () => {})
    stream.on('close', resolve)
    stream.resume()
    stream.end()
  })

const ways = {
  'hang up early': async () => {
    while (await going()) await burst(1, 5)
  },
  pipeline: async () => {
    while (await going()) await burst(50, 500)
  },
  'http/2': async () => {
    while (await going()) {
      const session = http2(`https://${domain}`, { family: 4, rejectUnauthorized: false })
      session.on('error', () => {})
      for (let round = 0; round < 10 && (await going()) && !session.destroyed; round++)
        await Promise.all(Array.from({ length: 100 }, () => streams(session)))
      session.destroy()
    }
  },
}
const workers = way === 'http/2' ? 1 : 40
await Promise.all(Array.from({ length: workers }, ways[way]))
console.log(JSON.stringify(counts))
process.exit()
