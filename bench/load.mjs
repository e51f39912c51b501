// Requests a second: node load.mjs URL CA_FILE CONNECTIONS MILLISECONDS [METHOD], and USER:PASSWORD on stdin. Prints a number.
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'

const [url, ca, connections, milliseconds, method = 'GET'] = process.argv.slice(2)
const auth = await text(process.stdin)
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections), ca: readFileSync(ca) })
let answers = 0
const end = performance.now() + Number(milliseconds)
await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    while (performance.now() < end) {
      await ask()
      answers++
    }
  }),
)
agent.destroy()
process.stdout.write(`${(answers * 1000) / Number(milliseconds)}\n`)

function ask() {
  return new Promise((resolve, reject) => {
    request(url, { agent, method, ...(auth && { auth }) }, answer => {
      answer
        .resume()
        .on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))))
    })
      .on('error', reject)
      .end()
  })
}
