// What clients wait for while `stop` is not there: node waits.mjs URL CA_FILE STOP_FILE [USER:PASSWORD on stdin]. Each asks on a connection of
// its own, one every 50 ms. Prints JSON: milliseconds of those that were answered with 200, and why the others were not.
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'

const [url, file, stop] = process.argv.slice(2)
const auth = await text(process.stdin)
const ca = readFileSync(file)
const waits = []
const failed = []
const all = []
while (!existsSync(stop)) {
  all.push(ask())
  await new Promise(resolve => setTimeout(resolve, 50))
}
await Promise.all(all)
process.stdout.write(JSON.stringify({ waits, failed }))

function ask() {
  const began = performance.now()
  return new Promise(resolve => {
    const done = failure => {
      if (failure) failed.push(failure)
      else waits.push(performance.now() - began)
      resolve()
    }
    request(url, { auth, ca, agent: false }, answer =>
      answer.resume().on('end', () => done(answer.statusCode === 200 ? undefined : `${answer.statusCode}`)),
    )
      .on('error', error => done(error.message))
      .end()
  })
}
