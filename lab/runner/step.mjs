// Runs one phase (main or post) of an action as GitHub's runner does, inside the runner machine.
// First line of stdin: JSON {entry, env, payload, last}. A later line "cancel" cancels. Stdout: one JSON object a line,
// {chunk} for what the action writes and at last {code, signal, files, orphans}.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })
const say = message => process.stdout.write(`${JSON.stringify(message)}\n`)

const { entry, env, payload, last } = JSON.parse(await new Promise(resolve => lines.once('line', resolve)))

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

const child = spawn(process.execPath, [entry], {
  cwd: env.GITHUB_WORKSPACE,
  env: { ...env, ...files },
  stdio: ['ignore', 'pipe', 'pipe'],
})
for (const stream of [child.stdout, child.stderr])
  stream.setEncoding('utf8').on('data', chunk => say({ chunk }))

lines.on('line', line => {
  if (line !== 'cancel') return
  // The times and signals of GitHub's runner; none of them reaches the children of the entry process.
  child.kill('SIGINT')
  setTimeout(() => child.kill('SIGTERM'), 7500).unref()
  setTimeout(() => child.kill('SIGKILL'), 10000).unref()
})

// A child left behind may keep the pipe open for ever; the runner does not wait for it either.
const closed = new Promise(resolve => child.once('close', resolve))
const [code, signal] = await new Promise(resolve => child.once('exit', (...how) => resolve(how)))
await Promise.race([closed, new Promise(resolve => setTimeout(resolve, 500))])
const contents = Object.fromEntries(
  Object.entries(files).map(([name, file]) => [name, readFileSync(file, 'utf8')]),
)
// A pipe takes no more than 64 KiB at once, and an exit would drop the rest.
const end = JSON.stringify({ code: code ?? 128, signal, files: contents, orphans: orphans() })
process.stdout.write(`${end}\n`, () => process.exit())

/** Command lines of processes that the action left behind, found as GitHub's runner does, which kills them at the job's end. */
function orphans() {
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
