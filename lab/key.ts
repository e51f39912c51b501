import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { docker } from './engine.ts'
import { server } from './images.ts'
import { locked } from './lock.ts'
import { cache, label } from './place.ts'

export interface Key {
  private: string
  public: string
}

const file = join(cache, 'id_ed25519')

/** The lab's SSH key pair, made once. ssh-keygen runs in a container: this machine may not have it. */
export async function key(): Promise<Key> {
  if (!existsSync(file)) await locked('key', make)
  return { private: readFileSync(file, 'utf8'), public: readFileSync(`${file}.pub`, 'utf8').trim() }
}

async function make(): Promise<void> {
  if (existsSync(file)) return
  const script = "ssh-keygen -q -t ed25519 -N '' -C berth-lab -f /tmp/key && cat /tmp/key /tmp/key.pub"
  const both = await docker('run', '--rm', '--label', label, await server('trixie'), 'sh', '-c', script)
  const end = both.lastIndexOf('\n') + 1
  writeFileSync(`${file}.pub`, `${both.slice(end)}\n`)
  writeFileSync(`${file}.new`, both.slice(0, end), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
