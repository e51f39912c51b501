import { type Access, ownerOf, type Rights, rightsOf, type User } from '../desired.ts'
import { isObject } from '../json.ts'
import { parseMap } from './map.ts'

/** Wildcards in one pattern. Each one more multiplies the steps that nginx needs to see that a name does not match. */
export const maxWildcards = 2

/**
 * Reads `access`, a YAML map from users to what they may do:
 *
 *     ci: push                      # everything, everywhere
 *     alice:
 *       pull: '**'
 *       push: [team/*, tools/lint]
 *     '*': pull                     # every other user
 *
 * Everything is text, as it is written: a user’s name may be `012` or `1e3`.
 *
 * Calls `mistake` for every mistake, and `warning` for users without access.
 */
export function parseAccess(
  text: string,
  users: readonly User[],
  mistake: (message: string) => void,
  warning: (message: string) => void,
): Access {
  const access = new Map<string, Rights>()
  for (const [name, value] of parseMap(text, 'users to `pull`, `push` or both', mistake)) {
    if (name !== '*' && !users.some(user => user.name === name || ownerOf(user.name) === name))
      mistake(`${JSON.stringify(name)} is not one of \`users\``)
    access.set(name, parseRights(name, value, mistake))
  }
  const without = users.filter(({ name }) => {
    const { pull, push } = rightsOf(name, access)
    return pull.length + push.length === 0
  })
  if (without.length > 0) {
    const names = without.map(({ name }) => `\`${name}\``).join(', ')
    warning(
      `no rule lets ${names} pull or push anything; add rules for them, or one for \`'*'\`, which is every other user`,
    )
  }
  return access
}

function parseRights(name: string, value: unknown, mistake: (message: string) => void): Rights {
  const rights: Rights = { pull: [], push: [] }
  const path = JSON.stringify(name)
  if (value === 'pull' || value === 'push') {
    rights[value].push('**')
    return rights
  }
  if (!isObject(value)) {
    mistake(`${path} must be \`pull\`, \`push\`, or a map of the two to patterns of repositories`)
    return rights
  }
  for (const [verb, given] of Object.entries(value)) {
    if (verb !== 'pull' && verb !== 'push') {
      mistake(`${path} has ${JSON.stringify(verb)}; there are only \`pull\` and \`push\``)
      continue
    }
    const patterns: unknown[] = Array.isArray(given) ? given : [given]
    for (const pattern of patterns) {
      if (isPattern(pattern)) rights[verb].push(pattern)
      else {
        mistake(
          `${path} may ${verb} ${JSON.stringify(pattern)}, which is not a repository pattern; write a name in lower case, with * for any part between slashes or ** for anything, at most ${maxWildcards} of them`,
        )
      }
    }
  }
  return rights
}

/** Whether it is a repository’s name in lower case, in which there may be `*` and `**`. */
export function isPattern(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 255) return false
  const wildcards = value.match(/\*+/g) ?? []
  return (
    /^[a-z0-9*](?:[a-z0-9*._-]*[a-z0-9*])?(?:\/[a-z0-9*](?:[a-z0-9*._-]*[a-z0-9*])?)*$/.test(value) &&
    wildcards.length <= maxWildcards &&
    wildcards.every(each => each.length <= 2) &&
    value.split('/').every(each => !each.includes('**') || each === '**')
  )
}
