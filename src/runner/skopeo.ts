import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { exec } from './exec.ts'
import { environment, start } from './process.ts'

/** Copies archives and layouts to the registry: whole indexes, byte by byte, which Docker can’t. */
export class Skopeo {
  readonly #folder: string
  readonly #ca: string | undefined

  /** What skopeo has to read is written below `folder`, which must be readable by nobody else. */
  constructor(folder: string, ca: string | undefined) {
    this.#folder = folder
    this.#ca = ca
  }

  /** Throws a sentence if it is not installed. */
  async check(): Promise<void> {
    const { code } = await exec('skopeo', ['--version'])
    if (code !== 0)
      throw new Failure(
        'runnerProgram',
        'an archive or OCI layout is pushed with skopeo, and this runner has none; install it in an earlier step: `sudo apt-get install -y skopeo`',
      )
  }

  /** `from` is a reference as skopeo writes it, such as `oci-archive:app.tar`. Returns the digest; throws what skopeo says. */
  async copy(
    from: string,
    reference: string,
    user: Credentials | undefined,
    onLine: (line: string) => void,
    cancelled: AbortSignal,
  ): Promise<string> {
    // A folder for each copy, for several run at once.
    const folder = join(this.#folder, reference.replaceAll(/[/:]/g, '-'))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const domain = reference.split('/')[0] ?? ''
    const file = (name: string, content: string) => {
      writeFileSync(join(folder, name), content, { mode: 0o600 })
      return join(folder, name)
    }
    try {
      const digestFile = join(folder, 'digest')
      const args = ['--insecure-policy', 'copy', '--digestfile', digestFile]
      if (user) {
        const auth = Buffer.from(`${user.name}:${user.password}`).toString('base64')
        args.push('--dest-authfile', file('auth.json', JSON.stringify({ auths: { [domain]: { auth } } })))
      } else args.push('--dest-no-creds')
      if (this.#ca !== undefined) {
        file('ca.crt', this.#ca)
        args.push('--dest-cert-dir', folder)
      }
      // A `docker save` archive has no compressed layers, and so no manifest that could be kept.
      if (!from.startsWith('docker-archive:')) args.push('--all', '--preserve-digests')
      const skopeo = start('skopeo', [...args, from, `docker://${reference}`], {
        env: environment(),
        cancelled,
        onLine,
      })
      const { code, stderr } = await skopeo.end()
      if (code !== 0) throw new Error(lastLine(stderr))
      return (await readFile(digestFile, 'utf8')).trim()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
