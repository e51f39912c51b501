import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, resolve } from 'node:path'
import { distrust, isTrustFile } from './runner/docker.ts'

// Runs also when the step failed or was cancelled. STATE_* is what the step saved before it wrote anything. Whatever the log
// printed could have been taken for a command that saves state, so only names that Berth gives are touched, by sudo most of all.
const { STATE_folder: folder = '', STATE_trust: trust = '', RUNNER_TEMP: temp = tmpdir() } = process.env
const own = dirname(folder) === resolve(temp) && /^berth-[0-9a-f]{8}$/.test(basename(folder))
if (own) rmSync(folder, { recursive: true, force: true })
if (isTrustFile(trust)) await distrust(trust)
