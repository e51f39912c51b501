import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server } from './server.ts'

interface Descriptor {
  mediaType: string
  digest: string
  size: number
  platform?: object
  artifactType?: string
  annotations?: Record<string, string>
}

const oci = 'application/vnd.oci.image'

/** Pushes what is made up, without Docker: images with any labels, and what lies beside them. */
export class Content {
  readonly #server: Server
  readonly #authorization: string
  readonly #agent: Agent

  constructor(server: Server, trust: string, user: { name: string; password: string }) {
    this.#server = server
    this.#authorization = `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`
    this.#agent = new Agent({
      ca: trust,
      host: server.address.v4,
      servername: server.domain,
      keepAlive: true,
      maxSockets: 4,
    })
  }

  async blob(repository: string, content: string | Buffer, mediaType: string): Promise<Descriptor> {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    const location = await this.#ask('POST', `/v2/${repository}/blobs/uploads/`)
    const url = new URL(location, `https://${this.#server.domain}`)
    url.searchParams.set('digest', digest)
    await this.#ask('PUT', `${url.pathname}${url.search}`, 'application/octet-stream', content)
    return { mediaType, digest, size: Buffer.byteLength(content) }
  }

  async manifest(repository: string, tag: string | undefined, manifest: object): Promise<Descriptor> {
    const text = JSON.stringify({ schemaVersion: 2, ...manifest })
    const { mediaType } = manifest as { mediaType: string }
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
    await this.#ask('PUT', `/v2/${repository}/manifests/${tag ?? digest}`, mediaType, text)
    return { mediaType, digest, size: text.length }
  }

  /** An image of one platform; `layers` are what made each, and its bytes as the manifest has them. */
  async image(
    repository: string,
    tag: string | undefined,
    options: {
      platform?: { os: string; architecture: string; variant?: string }
      labels?: Record<string, unknown>
      annotations?: Record<string, string>
      layers?: [created: string, size: number][]
    } = {},
  ): Promise<Descriptor> {
    const { platform = { os: 'linux', architecture: 'amd64' }, labels = {}, annotations } = options
    const made = options.layers ?? [['COPY app /app # buildkit', 1_000_000]]
    // The registry does not compare sizes.
    const layers = await Promise.all(
      made.map(async ([created, size]) => ({
        ...(await this.blob(repository, `${created}${size}`, `${oci}.layer.v1.tar+gzip`)),
        size,
      })),
    )
    const config = JSON.stringify({
      ...platform,
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: [] },
      history: made.map(([created_by]) => ({ created_by })),
    })
    return this.manifest(repository, tag, {
      mediaType: `${oci}.manifest.v1+json`,
      config: await this.blob(repository, config, `${oci}.config.v1+json`),
      layers,
      ...(annotations && { annotations }),
    })
  }

  /** What BuildKit puts beside an image: where it comes from, and what is in it. */
  async attestation(repository: string, subject: Descriptor, builder: string): Promise<Descriptor> {
    const statement = (predicateType: string, predicate: object) =>
      JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', predicateType, predicate })
    const layer = async (type: string, predicate: object) => ({
      ...(await this.blob(repository, statement(type, predicate), 'application/vnd.in-toto+json')),
      annotations: { 'in-toto.io/predicate-type': type },
    })
    const described = await this.manifest(repository, undefined, {
      mediaType: `${oci}.manifest.v1+json`,
      config: await this.blob(
        repository,
        '{"os":"unknown","architecture":"unknown"}',
        `${oci}.config.v1+json`,
      ),
      layers: [
        await layer('https://slsa.dev/provenance/v0.2', { builder: { id: builder } }),
        await layer('https://spdx.dev/Document', { packages: [] }),
      ],
    })
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': subject.digest,
    }
    return { ...described, annotations, platform: { os: 'unknown', architecture: 'unknown' } }
  }

  /** As cosign signs with the identity of a workflow. */
  async signature(repository: string, { digest }: Descriptor, signer: string, issuer: string): Promise<void> {
    const payload = JSON.stringify({ critical: { image: { 'docker-manifest-digest': digest } } })
    await this.manifest(repository, `${digest.replace(':', '-')}.sig`, {
      mediaType: `${oci}.manifest.v1+json`,
      config: await this.blob(repository, '{}', `${oci}.config.v1+json`),
      layers: [
        {
          ...(await this.blob(repository, payload, 'application/vnd.dev.cosign.simplesigning.v1+json')),
          annotations: {
            'dev.cosignproject.cosign/signature': 'MEUCIQ==',
            'dev.sigstore.cosign/certificate': certificate(signer, issuer),
          },
        },
      ],
    })
  }

  /** As cosign 3 signs: a bundle, found by an index whose tag is the image's digest. */
  async bundle(repository: string, { digest }: Descriptor, signer: string, issuer: string): Promise<void> {
    const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json'
    const rawBytes = certificate(signer, issuer).replace(/-----.*?-----|\n/g, '')
    const bundle = JSON.stringify({ mediaType, verificationMaterial: { certificate: { rawBytes } } })
    const annotations = { 'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1' }
    const signature = await this.manifest(repository, undefined, {
      mediaType: `${oci}.manifest.v1+json`,
      artifactType: mediaType,
      config: await this.blob(repository, '{}', 'application/vnd.oci.empty.v1+json'),
      layers: [await this.blob(repository, bundle, mediaType)],
      annotations,
    })
    await this.manifest(repository, digest.replace(':', '-'), {
      mediaType: `${oci}.index.v1+json`,
      manifests: [{ ...signature, artifactType: mediaType, annotations }],
    })
  }

  /** Copies of a tag, written where the registry keeps them: thousands take a second. Each was pushed a minute before the next. */
  async copies(repository: string, tag: string, names: readonly string[]): Promise<void> {
    const folder = `/opt/berth/data/docker/registry/v2/repositories/${repository}/_manifests/tags`
    // One program for all: to start two for each would take ten times as long.
    const program = `
      local $/; open my $file, "<", "$ARGV[0]/current/link"; my $text = <$file>; $/ = "\\n";
      while (my $name = <STDIN>) {
        chomp $name;
        mkdir $_ for $name, "$name/current";
        open my $file, ">", "$name/current/link"; print $file $text; close $file;
        chown 65532, 65532, $name, "$name/current", "$name/current/link";
        my $time = time - 60 * $.;
        utime $time, $time, "$name/current/link";
      }`
    await this.#server.sh(`cd ${folder} && perl -e '${program}' '${tag}'`, { input: `${names.join('\n')}\n` })
  }

  /** Lets a tag have been pushed some seconds ago. */
  async age(repository: string, tag: string, seconds: number): Promise<void> {
    const link = `/opt/berth/data/docker/registry/v2/repositories/${repository}/_manifests/tags/${tag}/current/link`
    await this.#server.sh(`touch -d "@$(($(date +%s) - ${seconds}))" '${link}'`)
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(method: string, path: string, type?: string, body: string | Buffer = ''): Promise<string> {
    const headers = {
      Host: this.#server.domain,
      Authorization: this.#authorization,
      'Content-Length': Buffer.byteLength(body),
      ...(type && { 'Content-Type': type }),
    }
    return new Promise((resolve, reject) => {
      const asked = request(
        { agent: this.#agent, host: this.#server.address.v4, method, path, headers },
        answer => {
          let text = ''
          answer.on('data', chunk => (text += chunk))
          answer.on('end', () => {
            if (answer.statusCode === 201 || answer.statusCode === 202) resolve(answer.headers.location ?? '')
            else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`))
          })
        },
      )
      asked.on('error', reject)
      asked.end(body)
    })
  }
}

/** A certificate like one of Sigstore’s: it names who signed by a URL, and who vouches for that. */
export function certificate(signer: string, issuer: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-certificate-'))
  try {
    const file = join(folder, 'cert.pem')
    const own = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    const says = [`subjectAltName=URI:${signer}`, `1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:${issuer}`]
    execFileSync(
      'openssl',
      [
        'req',
        ...own,
        '-subj',
        '/',
        '-keyout',
        join(folder, 'key.pem'),
        '-out',
        file,
        ...says.flatMap(each => ['-addext', each]),
      ],
      { stdio: 'ignore' },
    )
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
