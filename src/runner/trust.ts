import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { exec } from './exec.ts'

/**
 * Where Docker looks for the authorities of one registry. `id` keeps the files of simultaneous jobs apart. Other files there are not
 * touched.
 */
export function trustFile(domain: string, id: string, rootless: boolean): string {
  return `${rootless ? ownFolder() : '/etc/docker'}/certs.d/${domain}/${id}.crt`
}

/** Whether `trustFile` could have named it. */
export function isTrustFile(file: string): boolean {
  const [root = '', name = ''] = file.split('/certs.d/')
  return (
    [ownFolder(), '/etc/docker'].includes(root) &&
    /^[a-z0-9.-]+\/berth-[0-9a-f]{8}\.crt$/.test(name) &&
    !name.startsWith('.')
  )
}

function ownFolder(): string {
  return join(process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'docker')
}

/** Makes the engine trust a private authority, whose certificate is in `source`, for one registry. It reads the folder for each connection. */
export async function trust(file: string, source: string): Promise<void> {
  const { code, stderr } = await privileged(file, ['install', '-D', '-m', '0644', source, file])
  if (code !== 0)
    throw new Failure(
      'trust',
      `this runner’s Docker can’t be told to trust \`ca\`, because ${file} can’t be written (${lastLine(stderr)}); let the runner’s user write there, or become root with sudo`,
    )
}

/** Takes back what `trust` did. */
export async function distrust(file: string): Promise<void> {
  await privileged(file, ['rm', '-f', file])
  // Other files there belong to somebody else.
  await privileged(file, ['rmdir', dirname(file)])
}

// Docker's own folder belongs to root; a hosted runner's user has sudo.
function privileged(file: string, command: readonly string[]) {
  const sudo = process.getuid?.() === 0 || !file.startsWith('/etc/') ? [] : ['sudo', '-n']
  const [program = '', ...args] = [...sudo, ...command]
  return exec(program, args)
}
