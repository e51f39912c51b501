import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'
import type { User } from '../../desired.ts'
import type { Change } from '../resource.ts'

/** What becomes of a file of users. */
export interface Htpasswd {
  content: string
  /** The same without those who are new: nobody gets in by it who did not before. */
  narrowed: string
  /** Whoever loses access, or logs in with another password. */
  revoked: Change[]
  added: Change[]
  /** Names of those who log in as before. */
  kept: string[]
  /** Lines that must not be in the file any more. */
  gone: string[]
}

/**
 * The file that lets exactly these users in, in their order. A line that is still right is kept byte for byte, so that
 * whoever did not change is not disturbed. It is known to be right by its seal, or else by checking the password.
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
    // A damaged file may hold anything, and most of that is nobody.
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

/** Entries by name. As for nginx, the first line of a name counts. */
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
 * nginx checks the hash in every request, hundreds of times in a push. A password that a machine made out of 128 bits of
 * chance or more can’t be guessed however fast one can try, so it is kept as GitHub and AWS keep their tokens and NIST SP
 * 800-63B allows for such secrets: salted, by a hash that takes a microsecond. What a person may have thought of needs
 * all the help that it can get: see `cost`.
 */
function hashed({ password, strong }: User): string {
  return strong ? ssha(password, randomBytes(16)) : hashSync(password, cost)
}

/**
 * Of bcrypt. nginx’s worker does nothing else while it checks a password: 19 ms at this cost on a core that needs 1.2 ms for
 * cost 4, and twice that with each step up. More would hold up everybody else.
 */
export const cost = 8

/** RFC 2307: the SHA-1 of password and salt, and the salt, in base64. Of the fast hashes it is nginx’s only one with a salt. */
function ssha(password: string, salt: Buffer): string {
  const digest = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
}

const sha1Bytes = 20
const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

function verifies(password: string, hash: string): boolean {
  if (bcrypt.test(hash)) return compareSync(password, hash)
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
 * A seal says that a line was made for this password: bcrypt is slow by design, and to ask it about many users who did not
 * change would take seconds in every run.
 *
 * It is an HMAC-SHA256 over name, password and line, and SHA-256 is fast: with the key, one could guess passwords far
 * faster than bcrypt allows. But the key comes from the SSH private key, which has some 256 bits of chance and is never
 * on the server. Without it a seal is indistinguishable from random bytes, so whoever steals the file has only the
 * bcrypt hashes to try guesses on.
 */
function seal(key: Uint8Array, { name, password }: User, line: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify([name, password, line]))
    .digest('base64url')
}

/** Workflows with SSH keys of their own may share a server; each finds its seal as long as there are no more of them. */
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

// A name that a person wrote into the file may hold anything, terminal escapes too.
function printable(name: string): string {
  return name.replace(/[^\w.@+-]/g, '?')
}
