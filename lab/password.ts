import { randomBytes } from 'node:crypto'
import { isMachineMade } from '../src/inputs/password.ts'

/**
 * A new password, as `openssl rand -base64 24` makes them. Berth takes one in 150 of those for a person’s and warns; no test should
 * fail that often, so this is never one of them.
 */
export function password(): string {
  const made = randomBytes(24).toString('base64')
  return isMachineMade(made) ? made : password()
}
