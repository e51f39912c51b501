import { type Desired, ownAuth, type User } from '../../desired.ts'
import type { ServerFile } from '../../server/facts.ts'
import { htpasswdFile } from '../names.ts'
import { type Change, resource, type Step } from '../resource.ts'
import { htpasswd } from './htpasswd.ts'

interface Users {
  file: ServerFile | undefined
  /** The file from which users are taken over at first: that of a registry to adopt, or of an older Berth. */
  before: ServerFile | undefined
  /** The group of nginx’s workers; empty if nginx is not there yet. */
  group: string
}

/**
 * Who may log in: exactly those in the `users` input.
 *
 * Nobody must have more rights for a moment than before or after. So users are removed before the site changes, and added after it.
 */
export const users = resource<Users>({
  name: 'users',

  probe: ({ adopt, directory }) => [['users_probe', directory, adopt ? 'adopt' : '']],

  read: facts => ({
    file: facts.file('users.htpasswd'),
    before: facts.file('users.before'),
    group: facts.get('site.group'),
  }),

  steps(desired, { file, before, group }) {
    const { directory } = desired
    const users = wanted(desired)
    if (users === null) {
      return file === undefined
        ? []
        : [
            {
              resource: 'users',
              changes: [{ action: 'delete', summary: 'everybody: nginx no longer asks for passwords' }],
              call: ['users_remove', directory],
              after: 'site',
            },
          ]
    }
    const current = file?.content ?? before?.content ?? ''
    const { content, narrowed, revoked, added, kept, gone } = htpasswd(users, current, desired.sealKey)
    const path = htpasswdFile(desired)
    const narrowing = [
      ...revoked,
      ...(file === undefined && kept.length > 0
        ? change('create', `${path}, with the users that there are`)
        : []),
      ...(file && revoked.length + added.length === 0 && narrowed !== current
        ? change('update', `rewrite ${path}, with the same users`)
        : []),
      ...(file && revoked.length + added.length === 0 && isOpen(file, group)
        ? change('update', `make ${path} readable by root and nginx only`)
        : []),
    ]
    const steps: Step[] = []
    if (narrowing.length > 0) {
      steps.push({
        resource: 'users',
        changes: narrowing,
        call: ['users_write', directory, narrowed, ...gone],
        ...(kept.length > 0 && { keeps: `keep ${names(kept)}` }),
      })
    }
    if (added.length > 0) {
      steps.push({
        resource: 'users',
        changes: added,
        call: ['users_write', directory, content],
        after: 'site',
        ...(narrowing.length === 0 && kept.length > 0 && { keeps: `keep ${names(kept)}` }),
      })
    }
    return steps
  },
})

/** Whether others than root and nginx may read the file, or nginx may not. Writing it puts that right. */
function isOpen({ mode, owner }: ServerFile, group: string): boolean {
  return mode !== '640' || (group !== '' && owner !== `root:${group}`)
}

/** The users whose passwords nginx checks; `null` if the registry is open, or checks passwords itself. */
function wanted(desired: Desired): User[] | null {
  return ownAuth(desired) ? null : desired.users
}

function change(action: Change['action'], summary: string): Change[] {
  return [{ action, summary }]
}

/** The users who got a new password by these steps. */
export function freshUsers(users: readonly User[], steps: readonly Step[]): User[] {
  const subjects = new Set(
    steps
      .filter(({ resource }) => resource === 'users')
      .flatMap(({ changes }) => changes.map(({ subject }) => subject)),
  )
  return users.filter(({ name }) => subjects.has(name))
}

/** If there are more names than this, the rest is only counted. */
const maxNames = 50

/** The names as a list for the log. */
export function names(all: readonly string[]): string {
  const rest = all.length - maxNames
  return all.slice(0, maxNames).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}
