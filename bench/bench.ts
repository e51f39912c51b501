import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { head, type Line, row } from './line.ts'
import { cache } from './rows/cache.ts'
import { change } from './rows/change.ts'
import { thousandClients } from './rows/clients.ts'
import { first, firstBare } from './rows/first.ts'
import { images } from './rows/images.ts'
import { latency } from './rows/latency.ts'
import { layers } from './rows/layers.ts'
import { repositories } from './rows/repositories.ts'
import { requests } from './rows/requests.ts'
import { rotation } from './rows/rotation.ts'
import { servers } from './rows/servers.ts'
import { shared } from './rows/shared.ts'
import { start } from './rows/start.ts'
import { through } from './rows/through.ts'
import { transfer } from './rows/transfer.ts'
import { unchanged } from './rows/unchanged.ts'
import { userCounts } from './rows/users.ts'
import { Stage } from './stage.ts'

const rows: Record<string, (stage: Stage) => Promise<Line[]>> = {
  start,
  first,
  'first-bare': firstBare,
  unchanged,
  latency,
  users: userCounts,
  repositories,
  rotation,
  servers,
  requests,
  clients: thousandClients,
  change,
  layers,
  shared,
  through,
  transfer,
  cache,
  images,
}

const chosen = process.argv.slice(2)
const unknown = chosen.filter(name => !(name in rows))
if (unknown.length > 0) {
  console.error(`There is no row ${unknown.join(', ')}; there are ${Object.keys(rows).join(', ')}.`)
  process.exit(2)
}

const folder = import.meta.dirname
const file = join(folder, 'RESULTS.md')
const started = performance.now()
const stage = await Stage.open()
console.log(head)
const results = new Map<string, string[]>()
for (const [name, measure] of Object.entries(rows)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  const lines = (await measure(stage)).map(row)
  results.set(name, lines)
  for (const line of lines) console.log(line)
}
const minutes = ((performance.now() - started) / 60_000).toFixed(0)
writeFileSync(file, results.size === Object.keys(rows).length ? whole() : mended())
console.log(`\n${minutes} minutes; written to bench/RESULTS.md`)

function whole(): string {
  const table = [
    head,
    ...[...results].flatMap(([name, lines]) => [`| **${name}** | | | | | | |`, ...lines]),
  ].join('\n')
  return `# Results

Written by script/bench on ${new Date().toISOString().slice(0, 10)}, in ${minutes} minutes: ${cpus().length} x ${cpus()[0]?.model.trim()}, all
machines of the lab on it. Medians; the ratio is the median of the pairs' ratios.

${table}

${notes()}`
}

/** What people wrote below the table. */
function notes(): string {
  const text = readFileSync(file, 'utf8')
  return text.slice(text.indexOf('## Notes'))
}

/** The file as it is, with the rows of this run in it; those that it did not have come last. */
function mended(): string {
  let text = readFileSync(file, 'utf8')
  for (const [name, lines] of results) {
    const block = new RegExp(`\\| \\*\\*${name}\\*\\* .*\\n(\\| (?!\\*\\*).*\\n)*`)
    const whole = `| **${name}** | | | | | | |\n${lines.join('\n')}\n`
    text = block.test(text)
      ? text.replace(block, () => whole)
      : text.replace('\n\n## Notes', () => `\n${whole}\n## Notes`)
  }
  return text
}
