import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { list, object, parseJson, string } from '../json.ts'
import { exec } from './exec.ts'
import { environment, start } from './process.ts'

/** Copies archives and layouts to the registry: complete indexes, byte by byte, as Docker can’t. */
export class Skopeo {
  readonly #folder: string
  readonly #ca: string | undefined

  /** Files for skopeo are written below `folder`, which nobody else must be able to read. */
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
    // A folder for each copy, because several run at once.
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const folder = mkdtempSync(join(this.#folder, 'copy-'))
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
      // This is a port of this machine, without a certificate.
      if (domain.startsWith('127.0.0.1:')) args.push('--dest-tls-verify=false')
      else if (this.#ca !== undefined) {
        file('ca.crt', this.#ca)
        args.push('--dest-cert-dir', folder)
      }
      const run = async (options: readonly string[], source: string, target: string) => {
        const all = [...args, ...options, source, `docker://${target}`]
        const { code, stderr } = await start('skopeo', all, {
          env: straight(environment(), domain),
          cancelled,
          onLine,
        }).end()
        return code === 0 ? '' : lastLine(stderr) || `exit ${code}`
      }
      // Layers in an archive of `docker save` are not compressed, so there is no manifest to preserve.
      const options = from.startsWith('docker-archive:') ? [] : ['--all', '--preserve-digests']
      let words = await run(options, from, reference)
      // skopeo would mark zstd layers in an index, and so change it. So the images are copied one by one, and the index as it is.
      if (/must be converted/.test(words))
        words = await this.#copyParts(from, reference, join(folder, 'layout'), run)
      if (words !== '') throw new Error(words)
      return (await readFile(digestFile, 'utf8')).trim()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Copies an index and its images one by one, from a layout of our own in `folder`. Returns what skopeo says if it fails. */
  async #copyParts(
    from: string,
    reference: string,
    folder: string,
    run: (options: readonly string[], source: string, target: string) => Promise<string>,
  ): Promise<string> {
    const [, kind, path = '', inside] = /^([^:]+):([^:]+)(?::(.+))?$/.exec(from) ?? []
    const whole = kind === 'oci-archive' ? join(folder, 'whole') : resolve(path)
    mkdirSync(join(folder, 'whole'), { recursive: true })
    if (kind === 'oci-archive') await exec('tar', ['-xf', path, '-C', whole])
    symlinkSync(join(whole, 'blobs'), join(folder, 'blobs'))
    const top = await manifestsIn(join(whole, 'index.json'))
    const root = top.find(each => inside === undefined || object(each.annotations)[refName] === inside)
    const parts = await manifestsIn(join(whole, 'blobs/sha256', digestOf(root).slice('sha256:'.length)))
    const entries = [root, ...parts].map((entry, index) => ({
      ...{ mediaType: entry?.mediaType, digest: entry?.digest, size: entry?.size },
      annotations: { [refName]: String(index) },
    }))
    writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }))
    const name = reference.slice(0, reference.lastIndexOf(':'))
    for (const [index, part] of parts.entries()) {
      const words = await run(
        ['--preserve-digests'],
        `oci:${folder}:${index + 1}`,
        `${name}@${digestOf(part)}`,
      )
      if (words !== '') return words
    }
    return run(['--multi-arch', 'index-only', '--preserve-digests'], `oci:${folder}:0`, reference)
  }
}

const refName = 'org.opencontainers.image.ref.name'

const digestOf = (entry: Record<string, unknown> | undefined) => string(entry?.digest) ?? ''

async function manifestsIn(file: string): Promise<Record<string, unknown>[]> {
  return list(object(parseJson(await readFile(file, 'utf8'))).manifests).map(object)
}

/** The environment without a proxy for the registry: Berth has reached it without one, and the proxy may not be able to. */
function straight(env: Record<string, string>, domain: string): Record<string, string> {
  const list = [env.NO_PROXY ?? env.no_proxy, domain].filter(Boolean).join(',')
  return { ...env, NO_PROXY: list, no_proxy: list }
}
