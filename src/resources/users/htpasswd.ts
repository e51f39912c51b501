import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'
import type { User } from '../../desired.ts'
import type { Change } from '../resource.ts'

/** The new file of users, and what changes. */
export interface Htpasswd {
  content: string
  /** The same without new users, so that it lets nobody in who could not log in before. */
  narrowed: string
  /** Whoever loses access, or logs in with another password. */
  revoked: Change[]
  added: Change[]
  /** Names of those who log in as before. */
  kept: string[]
  /** Lines that must no longer be in the file. */
  gone: string[]
}

/**
 * The file that lets exactly these users in, in their order. A line that is still right is kept byte for byte. Its seal shows that it
 * is right; without one, the password is checked.
 */
export function htpasswd(users: readonly User[], current: string, sealKey: Uint8Array | undefined): Htpasswd {
  const entries = parse(current)
  const isSealed = (user: User, { line, seals }: Entry) =>
    sealKey !== undefined && seals.includes(seal(sealKey, user, line))

  const result: Htpasswd = { content: '', narrowed: '', revoked: [], added: [], kept: [], gone: [] }
  for (const user of users) {
    const { name, password } = user
    const entry = entries.get(name)
    entries.delete(name)
    const hash = entry?.line.slice(name.length + 1) ?? ''
    const same = entry !== undefined && (isSealed(user, entry) || verifies(password, hash))
    let line = entry?.line ?? ''
    if (!same || !suits(user, hash)) {
      line = `${name}:${hashed(user)}`
      if (entry !== undefined && opens(entry.line)) result.gone.push(entry.line)
    }
    if (same) result.kept.push(name)
    else if (entry === undefined) {
      result.added.push({ action: 'create', summary: `add ${name}`, subject: name })
    } else {
      result.revoked.push({ action: 'update', summary: `new password for ${name}`, subject: name })
    }
    const seals = line === entry?.line ? entry.seals : []
    const lines = `${user.strong ? '' : sealed(user, line, seals, sealKey)}${line}\n`
    result.content += lines
    if (entry !== undefined) result.narrowed += lines
  }
  for (const [name, { line }] of entries) {
    // A damaged file may have anything in it, most of which is not a user.
    if (!/^[^#:\0\uFFFD]+:/.test(line)) continue
    const subject = printable(name)
    result.revoked.push({ action: 'delete', summary: `revoke ${subject}`, subject })
    if (opens(line)) result.gone.push(line)
  }
  return result
}

interface Entry {
  /** `name:hash` */
  line: string
  seals: string[]
}

/** Entries by name. As in nginx, the first line with a name counts. */
function parse(content: string): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  let seals: string[] = []
  for (const line of content.split('\n')) {
    const comment = /^# sealed((?: [\w-]{43})+)$/.exec(line)?.[1]
    const name = line.split(':', 1)[0] ?? ''
    if (comment === undefined && line !== '' && !entries.has(name)) entries.set(name, { line, seals })
    seals = comment?.trim().split(' ') ?? []
  }
  return entries
}

/**
 * nginx checks the hash for every request, hundreds of times in a push. A password that a machine made from 128 random bits or more
 * can’t be guessed however fast one tries. So it is stored as GitHub and AWS store their tokens, and as NIST SP 800-63B allows
 * for such secrets: salted, with a hash that takes a microsecond. A person’s password needs all the help that it can get: see
 * `cost`.
 */
function hashed({ password, strong }: User): string {
  return strong ? ssha(password, randomBytes(16)) : hashSync(password, cost)
}

/**
 * The cost of bcrypt. nginx’s worker does nothing else while it checks a password: 19 ms at this cost on a core that needs 1.2 ms for
 * cost 4. Each step up takes twice as long, and would slow down everybody else.
 */
export const cost = 8

/** RFC 2307: the SHA-1 of password and salt, and the salt, in base64. It is nginx’s only fast hash with a salt. */
function ssha(password: string, salt: Buffer): string {
  const digest = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
}

const sha1Bytes = 20
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

/**
 * The costs of bcrypt at which a password is compared with a hash from elsewhere. Another hash counts as one of another password and
 * is replaced: 12 takes half a second, and each step up twice as long, until the run would never end.
 */
const comparable = { min: 4, max: 12 }

function verifies(password: string, hash: string): boolean {
  const rounds = bcrypt.exec(hash)?.[1]
  if (rounds !== undefined) {
    return Number(rounds) >= comparable.min && Number(rounds) <= comparable.max && compareSync(password, hash)
  }
  if (!hash.startsWith('{SSHA}')) return false
  const wanted = Buffer.from(hash.slice('{SSHA}'.length), 'base64')
  if (wanted.length <= sha1Bytes) return false
  const found = Buffer.from(ssha(password, wanted.subarray(sha1Bytes)).slice('{SSHA}'.length), 'base64')
  return timingSafeEqual(wanted, found)
}

/** Whether a hash is neither weaker nor slower than its password needs. */
function suits({ strong }: User, hash: string): boolean {
  return strong ? hash.startsWith('{SSHA}') : Number(bcrypt.exec(hash)?.[1]) === cost
}

/**
 * A seal shows that a line was made for this password. bcrypt is slow by design, and checking many users who did not change would
 * take seconds in every run.
 *
 * It is an HMAC-SHA256 over name, password and line. SHA-256 is fast, so with the key one could guess passwords far faster than
 * bcrypt allows. But the key is derived from the SSH private key, which has some 256 random bits and is never on the server. Without
 * it a seal looks like random bytes, so whoever steals the file can only try guesses on the bcrypt hashes.
 */
function seal(key: Uint8Array, { name, password }: User, line: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([name, password, line]))
    .digest('base64url')
}

/** Several workflows may share a server, each with its own SSH key. So many of them find their seals. */
const maxSeals = 4

/** The comment before a line; nginx skips it. */
function sealed(user: User, line: string, seals: readonly string[], key: Uint8Array | undefined): string {
  const own = key && seal(key, user, line)
  const all = own === undefined || seals.includes(own) ? seals : [own, ...seals].slice(0, maxSeals)
  return all.length === 0 ? '' : `# sealed ${all.join(' ')}\n`
}

/** Whether nginx might let somebody in by a line. */
function opens(line: string): boolean {
  return /^[^#:\0]+:[^\0]+$/.test(line)
}

// A name that a person wrote into the file may have anything in it, even terminal escapes.
function printable(name: string): string {
  return name.replace(/[^\w.@+-]/g, '?')
}
