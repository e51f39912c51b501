// Runs on the bench's runner: times whole processes from outside. They take turns, so that a machine whose speed drifts is as
// slow for one as for the other. Stdin is JSON: {commands: [{argv, env, input}], rounds, warmups}; a command whose argv has
// `{round}` gets the round's number. Stdout is JSON: milliseconds by command and round.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'

const { commands, rounds, warmups } = JSON.parse(await text(process.stdin))
const times = commands.map(() => [])
for (let round = -warmups; round < rounds; round++) {
  for (const [index, command] of commands.entries()) {
    const milliseconds = await run(command, round)
    if (round >= 0) times[index].push(milliseconds)
  }
}
process.stdout.write(JSON.stringify(times))

/** Throws what the program said if it fails: a peer that fails quickly must not win. */
async function run({ argv, env, input = '', fails = false }, round) {
  const numbered = Object.entries({ ...process.env, ...env }).map(([name, value]) => [
    name,
    turn(value, round),
  ])
  const all = Object.fromEntries(numbered)
  for (const folder of [all.RUNNER_TEMP, all.GITHUB_WORKSPACE])
    if (folder) mkdirSync(folder, { recursive: true })
  if (all.GITHUB_EVENT_PATH) {
    mkdirSync(dirname(all.GITHUB_EVENT_PATH), { recursive: true })
    writeFileSync(all.GITHUB_EVENT_PATH, '{}')
    for (const name of ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']) {
      all[name] = `${all.RUNNER_TEMP}/${name}`
      writeFileSync(all[name], '')
    }
  }
  const [program, ...args] = argv.map(each => turn(each, round))
  const started = performance.now()
  const child = spawn(program, args, { env: all, stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', chunk => {
      said += chunk
    })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  // When the process has gone, not when its output has: GitHub's runner goes on then too.
  let milliseconds = 0
  child.on('exit', () => {
    milliseconds = performance.now() - started
  })
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  if (code !== 0 && !fails) throw new Error(`${program} exited with ${code}:\n${said.slice(-3000)}`)
  return milliseconds
}

function turn(text, round) {
  return text.replaceAll('{round}', round + 100)
}
