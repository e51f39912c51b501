import { type Access, type Desired, ownAuth, type User } from '../desired.ts'
import type { Reader } from './reader.ts'

/** Reads `access`; `undefined` lets every user pull and push everything. */
export async function readAccess(
  reader: Reader,
  users: User[] | null,
  registry: Desired['registry'],
): Promise<Access | undefined> {
  const text = reader.raw('access')
  if (text.trim() === '') return undefined
  if (ownAuth({ registry })) {
    reader.mistake('access')(
      'needs users that nginx checks, but `registry-config` has an `auth` of its own; omit one of them',
    )
    return undefined
  }
  if (users === null) {
    reader.mistake('access')('needs users to give rights to, but `auth: none` has none')
    return undefined
  }
  // Without the right names nobody can tell which ones are wrong.
  if (reader.failed('users')) return undefined
  const { parseAccess } = await import(/* webpackChunkName: "rights" */ './rights.ts')
  return parseAccess(text, users, reader.mistake('access'), reader.warning('access'))
}
