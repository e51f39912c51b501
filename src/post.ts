import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { logOut } from './runner/login.ts'
import { distrust, isTrustFile } from './runner/trust.ts'

// Runs even if the step failed or was cancelled. STATE_* is what the step saved before it wrote anything. GitHub may have taken
// something in the log for a command that saves state, so this touches only paths that Berth itself could have named: it uses sudo.
const { STATE_folder: folder = '', STATE_trust: trust = '', RUNNER_TEMP: temp = tmpdir() } = process.env
const own = dirname(folder) === resolve(temp) && /^berth-[0-9a-f]{8}$/.test(basename(folder))
if (own) {
  try {
    await logOut(folder)
  } catch (error) {
    const { message } = error as Error
    process.stdout.write(`::warning title=Berth%3A Docker’s login::${message.replaceAll(/[\r\n]+/g, ' ')}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
if (isTrustFile(trust)) await distrust(trust)
