import { createHmac } from 'node:crypto'
import { compareSync, hashSync } from 'bcryptjs'
import { isStrong, type User } from '../../desired.ts'
import type { ServerFile } from '../../server/facts.ts'
import { account } from '../registry/compose.ts'
import { type Change, resource, type Step } from '../resource.ts'

/** The htpasswd file as it is, if there is one. */
type Seen = ServerFile | undefined

/** Who may log in. What the `users` input says is the whole truth. */
export const users = resource<Seen>({
  name: 'users',

  probe: ({ adopt, directory, registry }) => [
    ['users_probe', directory, ...(adopt ? [`${registry.port}`] : [])],
  ],

  read: facts => facts.file('users.htpasswd') ?? facts.file('users.adopted'),

  steps({ directory, users, sealKey }, seen) {
    if (users === null) {
      return seen === undefined
        ? []
        : [
            {
              resource: 'users',
              changes: [{ action: 'delete', summary: 'everybody: the registry becomes open' }],
              call: ['users_remove', directory],
            },
          ]
    }
    const { content, changes, kept, gone } = htpasswd(users, seen?.content ?? '', sealKey)
    if (changes.length === 0 && content !== seen?.content) {
      changes.push({ action: 'update', summary: 'write htpasswd anew, with the same users' })
    }
    if (changes.length === 0 && (seen?.mode !== '600' || seen.owner !== account)) {
      changes.push({ action: 'update', summary: 'make htpasswd readable by root and the registry only' })
    }
    if (changes.length === 0) return []
    return [
      {
        resource: 'users',
        changes,
        call: ['users_write', directory, account, content, ...gone],
        ...(kept.length > 0 && { keeps: `keep ${names(kept)}` }),
      },
    ]
  },
})

interface Htpasswd {
  content: string
  changes: Change[]
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

  const result: Htpasswd = { content: '', changes: [], kept: [], gone: [] }
  for (const user of users) {
    const { name, password } = user
    const entry = entries.get(name)
    entries.delete(name)
    const same =
      entry !== undefined && (isSealed(user, entry) || verifies(password, entry.line.slice(name.length + 1)))
    let line = entry?.line ?? ''
    if (same) result.kept.push(name)
    else {
      line = `${name}:${hashSync(password, cost(password))}`
      if (entry !== undefined && opens(entry.line)) result.gone.push(entry.line)
      result.changes.push(
        entry === undefined
          ? { action: 'create', summary: `add ${name}`, subject: name }
          : { action: 'update', summary: `new password for ${name}`, subject: name },
      )
    }
    result.content += `${sealed(user, line, line === entry?.line ? entry.seals : [], sealKey)}${line}\n`
  }
  for (const [name, { line }] of entries) {
    // A damaged file may hold anything, and most of that is nobody.
    if (!/^[^#:\0\uFFFD]+:/.test(line)) continue
    const subject = printable(name)
    result.changes.push({ action: 'delete', summary: `revoke ${subject}`, subject })
    if (opens(line)) result.gone.push(line)
  }
  return result
}

interface Entry {
  /** `name:hash` */
  line: string
  seals: string[]
}

/** Entries by name. As for the registry, the last line of a name counts. */
function parse(content: string): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  let seals: string[] = []
  for (const line of content.split('\n')) {
    const comment = /^# sealed((?: [\w-]{43})+)$/.exec(line)?.[1]
    if (comment === undefined && line !== '') entries.set(line.split(':', 1)[0] ?? '', { line, seals })
    seals = comment?.trim().split(' ') ?? []
  }
  return entries
}

/**
 * A seal says that a line was made for this password: bcrypt is slow by design, and to ask it about a thousand users
 * who did not change would take seconds in every run.
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

/** The comment before a line, for the registry skips those. */
function sealed(user: User, line: string, seals: readonly string[], key: Uint8Array | undefined): string {
  const own = key && seal(key, user, line)
  const all = own === undefined || seals.includes(own) ? seals : [own, ...seals].slice(0, maxSeals)
  return all.length === 0 ? '' : `# sealed ${all.join(' ')}\n`
}

// The registry takes bcrypt only; anything else in a file that was edited by hand lets nobody in.
function verifies(password: string, found: string): boolean {
  return /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(found) && compareSync(password, found)
}

/** Whether the registry might let somebody in by a line. */
function opens(line: string): boolean {
  return /^[^:\0]+:\$2[^\0]*$/.test(line)
}

/**
 * The registry checks the hash on every request, so its cost is paid hundreds of times in a push: some 1.3 ms of a core at
 * cost 4, the least that bcrypt has, and twice that with each step up, so 80 ms at cost 10. A strong password can't be
 * guessed at any cost; another one needs all the help that it can get. For a name that it does not know the registry
 * checks a hash of cost 5, so by the time of an answer one can find out which names there are: those are no secret.
 */
export function cost(password: string): number {
  return isStrong(password) ? 4 : 10
}

/** Users who have a password that they did not have before these steps. */
export function freshUsers(users: readonly User[], steps: readonly Step[]): User[] {
  const subjects = new Set(
    steps
      .filter(({ resource }) => resource === 'users')
      .flatMap(({ changes }) => changes.map(({ subject }) => subject)),
  )
  return users.filter(({ name }) => subjects.has(name))
}

/** More names than this are told by their number. */
const maxNames = 50

/** A list for the reader of a log. */
export function names(all: readonly string[]): string {
  const rest = all.length - maxNames
  return all.slice(0, maxNames).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

// A name that a person wrote into the file may hold anything, terminal escapes too.
function printable(name: string): string {
  return name.replace(/[^\w.@+-]/g, '?')
}
