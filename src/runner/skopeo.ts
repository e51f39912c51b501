import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Credentials } from '../desired.ts'
import { Failure } from '../failure.ts'
import { lastLine } from '../format.ts'
import { list, object, parseJson, string } from '../json.ts'
import { exec } from './exec.ts'
import { environment, start } from './process.ts'

/** An image in an archive or a layout. */
export interface Stored {
  /** As skopeo writes it, such as `oci-archive:app.tar`. */
  from: string
  /** Digest of its manifest or index, if it is in an OCI layout. */
  digest?: string
  /** Whether skopeo could take another image of the layout for it. */
  ambiguous?: boolean
}

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

  /** Returns the digest; throws what skopeo says. */
  async copy(
    image: Stored,
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
      const { digest } = image
      const from =
        digest !== undefined && image.ambiguous
          ? await this.#alone(image.from, digest, join(folder, 'alone'))
          : image.from
      // Layers in an archive of `docker save` are not compressed, so there is no manifest to preserve.
      const options = from.startsWith('docker-archive:') ? [] : ['--all', '--preserve-digests']
      let words = await run(options, from, reference)
      // skopeo would mark zstd layers in an index, and so change it. So the images are copied one by one, and the index as it is.
      if (/must be converted/.test(words))
        words = await this.#copyParts({ ...image, from }, reference, join(folder, 'layout'), run)
      if (words !== '') throw new Error(words)
      return (await readFile(digestFile, 'utf8')).trim()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /**
   * Makes a layout of our own in `folder` with one of several images, and returns it as skopeo writes it. Images may share the one
   * name that skopeo looks at, and it takes the first: buildx writes only the tag there.
   */
  async #alone(from: string, digest: string, folder: string): Promise<string> {
    const whole = await this.#unpack(from, folder)
    const top = await manifestsIn(join(whole, 'index.json'))
    const { annotations: _, ...entry } = top.find(each => digestOf(each) === digest) ?? {}
    writeLayout(folder, [entry])
    return `oci:${folder}`
  }

  /** Puts the blobs of a layout into `folder`. Returns the folder that the layout itself is in. */
  async #unpack(from: string, folder: string): Promise<string> {
    const [, kind, path = ''] = /^([^:]+):([^:]+)/.exec(from) ?? []
    const whole = kind === 'oci-archive' ? join(folder, 'whole') : resolve(path)
    mkdirSync(join(folder, 'whole'), { recursive: true })
    if (kind === 'oci-archive') {
      const { code, stderr } = await exec('tar', ['-xf', path, '-C', whole])
      if (code !== 0) throw new Error(`untarring file: ${lastLine(stderr)}`)
    }
    symlinkSync(join(whole, 'blobs'), join(folder, 'blobs'))
    return whole
  }

  /** Copies an index and its images one by one, from a layout of our own in `folder`. Returns what skopeo says if it fails. */
  async #copyParts(
    { from, digest }: Stored,
    reference: string,
    folder: string,
    run: (options: readonly string[], source: string, target: string) => Promise<string>,
  ): Promise<string> {
    const whole = await this.#unpack(from, folder)
    const top = await manifestsIn(join(whole, 'index.json'))
    const root = top.find(each => digestOf(each) === digest) ?? top[0]
    const parts = await manifestsIn(join(whole, 'blobs/sha256', digestOf(root).slice('sha256:'.length)))
    const entries = [root, ...parts].map((entry, index) => ({
      ...{ mediaType: entry?.mediaType, digest: entry?.digest, size: entry?.size },
      annotations: { [refName]: String(index) },
    }))
    writeLayout(folder, entries)
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

function writeLayout(folder: string, manifests: readonly object[]): void {
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
}

const digestOf = (entry: Record<string, unknown> | undefined) => string(entry?.digest) ?? ''

async function manifestsIn(file: string): Promise<Record<string, unknown>[]> {
  return list(object(parseJson(await readFile(file, 'utf8'))).manifests).map(object)
}

/** The environment without a proxy for the registry: Berth has reached it without one, and the proxy may not be able to. */
function straight(env: Record<string, string>, domain: string): Record<string, string> {
  const list = [env.NO_PROXY ?? env.no_proxy, domain].filter(Boolean).join(',')
  return { ...env, NO_PROXY: list, no_proxy: list }
}
