// Runs on the runner: times whole processes from the outside, in turn, so that a machine whose speed drifts is as slow for one
// as for the other. Stdin is JSON {commands: [{argv, env, input, before}], rounds}; stdout is JSON, milliseconds by command and round.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'

const { commands, rounds, warmups = 1 } = JSON.parse(await text(process.stdin))
const times = commands.map(() => [])
for (let round = -warmups; round < rounds; round++) {
  for (const [index, { before, ...command }] of commands.entries()) {
    if (before) await run(before)
    const milliseconds = await run(command)
    if (round >= 0) times[index].push(milliseconds)
  }
}
console.log(JSON.stringify(times))

/** Throws what the program said if it fails: a peer that fails quickly must not win. */
function run({ argv: [program, ...args], env = process.env, input = '' }) {
  for (const folder of [env.RUNNER_TEMP, env.GITHUB_WORKSPACE])
    if (folder) mkdirSync(folder, { recursive: true })
  if (env.GITHUB_EVENT_PATH) {
    mkdirSync(dirname(env.GITHUB_EVENT_PATH), { recursive: true })
    writeFileSync(env.GITHUB_EVENT_PATH, '{}')
  }
  for (const file of ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY'])
    if (env[file]) writeFileSync(env[file], '')
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', chunk => (said += chunk))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('error', reject)
    // When the process has gone, not when its output has: GitHub's runner goes on then too.
    let milliseconds = 0
    child.on('exit', () => (milliseconds = performance.now() - started))
    child.on('close', code => {
      if (code === 0) resolve(milliseconds)
      else reject(new Error(`${program} exited with ${code}:\n${said.slice(-3000)}`))
    })
  })
}
