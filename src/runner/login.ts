import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Credentials } from '../desired.ts'
import { lastLine } from '../format.ts'
import { isObject, object, parseJson, string, strings } from '../json.ts'
import { exec } from './exec.ts'

/** The logins for one registry as they were before ours. The post step restores them. */
interface Before {
  domain: string
  /** Docker’s configuration folder, which a later step of the job may change. */
  folder: string
  /** Whether there was a configuration at all. */
  existed: boolean
  /** Entries of `auths`, by their names. */
  entries: Record<string, unknown>
  /** The program of the credential helper, if one stores the passwords, and what it had, as it takes it back. */
  helper: string | undefined
  kept: string[]
}

/**
 * Logs the runner’s Docker in, in the user’s own configuration, where other programs look too: podman, buildah, skopeo, crane, oras,
 * helm, cosign. `memory` is a folder that nobody else can read, in which `logOut` finds the earlier logins. Returns what Docker
 * says if it refuses, otherwise `''`.
 */
export async function logIn(domain: string, user: Credentials, memory: string): Promise<string> {
  // Before Docker writes anything, because a cancelled job has a post step too. And only once: a second try must not take the first
  // one’s login for an earlier one.
  if (!recall(memory)) {
    mkdirSync(memory, { recursive: true, mode: 0o700 })
    writeFileSync(memoryFile(memory), JSON.stringify(await look(domain)), { mode: 0o600 })
  }
  // Some helpers store several users for one registry, and return the first.
  if ((recall(memory)?.kept.length ?? 0) > 0) await exec('docker', ['logout', domain])
  const args = ['login', '--username', user.name, '--password-stdin', domain]
  const { code, stderr } = await exec('docker', args, { input: user.password })
  return code === 0 ? '' : lastLine(stderr) || `exit ${code}`
}

/** Logs out again, and restores the login from before. */
export async function logOut(memory: string): Promise<void> {
  const before = recall(memory)
  if (!before) return
  const { domain, folder, helper, kept } = before
  await exec('docker', ['logout', domain], { env: { DOCKER_CONFIG: folder } })
  if (helper !== undefined) for (const input of kept) await exec(helper, ['store'], { input })
  putBack(before)
}

const memoryFile = (memory: string) => join(memory, 'login.json')

/** The names under which Docker stores a login, and removes it. */
const names = (domain: string) => [domain, `https://${domain}`, `http://${domain}`]

async function look(domain: string): Promise<Before> {
  const folder = process.env.DOCKER_CONFIG || join(homedir(), '.docker')
  const config = read(folder)
  const { auths, credHelpers, credsStore } = object(config)
  const suffix = string(object(credHelpers)[domain]) ?? string(credsStore)
  const helper = suffix ? `docker-credential-${suffix}` : undefined
  const entries = Object.entries(object(auths)).filter(([name]) => names(domain).includes(name))
  const kept: string[] = []
  if (helper !== undefined) {
    for (const input of names(domain)) {
      const { code, stdout } = await exec(helper, ['get'], { input })
      const found = object(parseJson(stdout))
      if (code === 0 && string(found.Secret)) kept.push(JSON.stringify({ ...found, ServerURL: input }))
    }
  }
  return { domain, folder, existed: config !== undefined, entries: Object.fromEntries(entries), helper, kept }
}

function recall(memory: string): Before | undefined {
  try {
    const { domain, folder, existed, entries, helper, kept } = object(
      parseJson(readFileSync(memoryFile(memory), 'utf8')),
    )
    if (typeof domain !== 'string' || typeof folder !== 'string') return undefined
    return {
      domain,
      folder,
      existed: existed === true,
      entries: object(entries),
      helper: string(helper),
      kept: strings(kept),
    }
  } catch {
    return undefined // Nobody was logged in.
  }
}

/** Restores the entries that were there before, and removes ours. A later step of the job may have removed the file. */
function putBack({ folder, existed, entries }: Before): void {
  const config = read(folder)
  const path = join(folder, 'config.json')
  if (!existed && config && Object.values(config).every(isEmpty)) rmSync(path)
  if (Object.keys(entries).length === 0) return
  if (config === undefined && existsSync(path))
    throw new Error(`${path} can’t be read any more; an earlier login is lost, so log in again`)
  const whole = { ...config, auths: { ...object(config?.auths), ...entries } }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // It may be a link to a file elsewhere, as Docker itself allows.
  const file = existsSync(path) ? realpathSync(path) : path
  writeFileSync(`${file}.berth`, `${JSON.stringify(whole, null, '\t')}\n`, { mode: 0o600 })
  renameSync(`${file}.berth`, file)
}

const isEmpty = (value: unknown) => isObject(value) && Object.keys(value).length === 0

/** Docker’s configuration; `undefined` if there is none, or none that can be read. */
function read(folder: string): Record<string, unknown> | undefined {
  try {
    const text = readFileSync(join(folder, 'config.json'), 'utf8')
    const config = text.trim() === '' ? {} : parseJson(text)
    return isObject(config) ? config : undefined
  } catch {
    return undefined
  }
}
