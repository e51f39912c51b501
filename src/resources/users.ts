import { compareSync, hashSync } from 'bcryptjs'
import type { User } from '../desired.ts'
import type { ServerFile } from '../facts.ts'
import type { Change, Resource } from '../resource.ts'

/** The htpasswd file as it is, if there is one. */
type Seen = ServerFile | undefined

/** Who may log in. What the `users` input says is the whole truth. */
export const users: Resource<Seen> = {
  name: 'users',

  probe: ({ adopt, directory, registry }) => [
    ['users_probe', directory, ...(adopt ? [`${registry.port}`] : [])],
  ],

  read: facts => facts.file('users.htpasswd') ?? facts.file('users.adopted'),

  plan({ directory, users }, seen) {
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
    const { content, changes } = htpasswd(users, seen?.content ?? '')
    if (changes.length === 0 && content !== seen?.content) {
      changes.push({ action: 'update', summary: 'write htpasswd anew, with the same users' })
    }
    if (changes.length === 0 && (seen?.mode !== '600' || seen.owner !== 'root:root')) {
      changes.push({ action: 'update', summary: 'make htpasswd readable by root only' })
    }
    return changes.length === 0
      ? []
      : [{ resource: 'users', changes, call: ['users_write', directory, content] }]
  },
}

/**
 * The file that lets exactly these users in, in their order. A line whose hash still verifies is kept byte for byte,
 * so that whoever did not change is not disturbed.
 */
export function htpasswd(users: readonly User[], current: string): { content: string; changes: Change[] } {
  const lines = new Map(current.split('\n').map(line => [line.split(':', 1)[0] ?? '', line]))
  const changes: Change[] = []
  const content = users
    .map(({ name, password }) => {
      const line = lines.get(name)
      lines.delete(name)
      if (line !== undefined && verifies(password, line.slice(name.length + 1))) return `${line}\n`
      changes.push(
        line === undefined
          ? { action: 'create', summary: `add ${name}` }
          : { action: 'update', summary: `new password for ${name}` },
      )
      return `${name}:${hashSync(password, cost(password))}\n`
    })
    .join('')
  for (const [name, line] of lines) {
    if (/^[^#:]+:/.test(line)) changes.push({ action: 'delete', summary: `revoke ${printable(name)}` })
  }
  return { content, changes }
}

// The registry takes bcrypt only; anything else in a file that was edited by hand lets nobody in.
function verifies(password: string, hash: string): boolean {
  return /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash) && compareSync(password, hash)
}

/**
 * The registry checks the hash on every request, so its cost is paid hundreds of times in a push: at cost 5 a core
 * answers some 390 requests a second, at cost 10 some 30. A long password can't be guessed at any cost; a short one needs
 * all the help that it can get.
 */
export function cost(password: string): number {
  return password.length >= 20 && new Set(password).size >= 10 ? 5 : 10
}

// A name that a person wrote into the file may hold anything, terminal escapes too.
function printable(name: string): string {
  return name.replace(/[^\w.@+-]/g, '?')
}
