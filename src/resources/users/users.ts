import { type Desired, ownAuth, type User } from '../../desired.ts'
import type { ServerFile } from '../../server/facts.ts'
import { htpasswdFile } from '../names.ts'
import { type Change, resource, type Step } from '../resource.ts'
import { htpasswd } from './htpasswd.ts'

interface Users {
  file: ServerFile | undefined
  /** Where users are read for the first time: the file of a registry to adopt, or of a Berth before this one. */
  before: ServerFile | undefined
  /** The group of nginx’s workers; empty if nginx is not there yet. */
  group: string
}

/**
 * Who may log in. What the `users` input says is the whole truth.
 *
 * Nobody must have more rights for a moment than before or after: so whoever loses access goes before the site changes, and
 * whoever is new comes after it.
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
              changes: [{ action: 'delete', summary: 'everybody: nginx asks nobody any more' }],
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

/** Whether others than root and nginx may read it, or nginx may not. Writing it puts that right. */
function isOpen({ mode, owner }: ServerFile, group: string): boolean {
  return mode !== '640' || (group !== '' && owner !== `root:${group}`)
}

/** Whom nginx is to ask for a password: nobody if the registry is open, or asks for itself. */
function wanted(desired: Desired): User[] | null {
  return ownAuth(desired) ? null : desired.users
}

function change(action: Change['action'], summary: string): Change[] {
  return [{ action, summary }]
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
