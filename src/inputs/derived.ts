import { hkdfSync } from 'node:crypto'
import type { Desired, Target } from '../desired.ts'
import type { Reader } from './reader.ts'

/**
 * A key that only the holder of the SSH key can derive: 32 bytes, the same in every run with that key. The server knows
 * only the public half.
 */
export function sealKey(privateKey: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', privateKey, '', 'berth: seals of users', 32))
}

/** What signs uploads in progress on several servers. It is derived, so that all of them know the same one. */
function uploadSecret(privateKey: string, domain: string): string {
  return Buffer.from(hkdfSync('sha256', privateKey, domain, 'berth: uploads in flight', 32)).toString('hex')
}

/** What several servers share, as the first one sees it: another one has other peers. `undefined` if there is only one server. */
export function readShared(reader: Reader, targets: readonly Target[], domain: string): Desired['shared'] {
  const [first, ...others] = targets
  if (first === undefined || others.length === 0) return undefined
  const secret = uploadSecret(first.key, domain)
  reader.secret(secret)
  return { peers: others.map(({ address }) => address), secret }
}
