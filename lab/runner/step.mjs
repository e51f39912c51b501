// Runs the phases (main and post) of an action as GitHub's runner does, inside the runner machine, until stdin ends.
// Each line of stdin is a phase, as JSON {entry, env, payload, last}; a line "cancel" cancels the one that runs. Stdout: one
// JSON object a line, {chunk} for what the action writes and at the end of each phase {code, signal, files, orphans}.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })
const say = message => process.stdout.write(`${JSON.stringify(message)}\n`)

/** The process of the phase that runs. */
let child
lines.on('line', line => {
  if (line !== 'cancel') {
    run(JSON.parse(line))
    return
  }
  // The times and signals of GitHub's runner; none of them reaches the children of the entry process.
  const cancelled = child
  cancelled.kill('SIGINT')
  setTimeout(() => cancelled.kill('SIGTERM'), 7500).unref()
  setTimeout(() => cancelled.kill('SIGKILL'), 10000).unref()
})

async function run({ entry, env, payload, last }) {
  const commandFiles = join(env.RUNNER_TEMP, '_runner_file_commands')
  for (const folder of [commandFiles, env.GITHUB_WORKSPACE, dirname(env.GITHUB_EVENT_PATH)]) {
    mkdirSync(folder, { recursive: true })
  }
  writeFileSync(env.GITHUB_EVENT_PATH, JSON.stringify(payload))
  const files = {}
  for (const name of ['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY', 'GITHUB_ENV', 'GITHUB_PATH']) {
    files[name] = join(commandFiles, `${name.toLowerCase()}_${crypto.randomUUID()}`)
    writeFileSync(files[name], '')
  }

  child = spawn(process.execPath, [entry], {
    cwd: env.GITHUB_WORKSPACE,
    env: { ...env, ...files },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const streams = [child.stdout, child.stderr]
  for (const stream of streams) stream.setEncoding('utf8').on('data', chunk => say({ chunk }))

  // A child left behind may keep the pipe open for ever; the runner does not wait for it either.
  const closed = new Promise(resolve => child.once('close', resolve))
  const [code, signal] = await new Promise(resolve => child.once('exit', (...how) => resolve(how)))
  await Promise.race([closed, new Promise(resolve => setTimeout(resolve, 500).unref())])
  for (const stream of streams) stream.destroy()
  const contents = Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, readFileSync(file, 'utf8')]),
  )
  say({ code: code ?? 128, signal, files: contents, orphans: orphans(env, last) })
}

/** Command lines of processes that the action left behind, found as GitHub's runner does, which kills them at the job's end. */
function orphans(env, last) {
  const found = []
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      if (
        !readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`RUNNER_TRACKING_ID=${env.RUNNER_TRACKING_ID}`)
      )
        continue
      found.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim())
      if (last) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended meanwhile, or belongs to another user.
    }
  }
  return found
}
