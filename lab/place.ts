import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const checkout = resolve(import.meta.dirname, '..')

/**
 * Names the lab on this machine's engine: its network, its containers and the label that all of it carries.
 * Checkouts share it, unless one is told another name.
 */
export const labName = process.env.BERTH_LAB ?? 'berth-lab'

/** What `down` removes is what carries this label with this lab's name as the value. */
export const label = `berth.lab=${labName}`

/** What the lab keeps between runs: its SSH key, logs, downloads. Ignored by git. */
export const cache = join(checkout, '.lab')
mkdirSync(cache, { recursive: true })

export const hash = (...parts: (string | Buffer)[]) => {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part).update('\0')
  return sum.digest('hex')
}
