import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { cache } from './place.ts'

/**
 * Runs one at a time across processes. The kernel drops the lock when its holder dies, however it dies:
 * flock(1) waits on our pipe, which closes with us.
 */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [join(cache, `${name}.lock`), 'sh', '-c', 'echo locked; cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve())
    holder.once('error', reject)
    holder.once('exit', () => reject(new Error(`No lock "${name}"`)))
  })
  try {
    return await work()
  } finally {
    holder.stdin.end()
  }
}
