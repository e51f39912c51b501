import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { library } from '../../src/shell.ts'

export const day = 24 * 60 * 60

interface Push {
  /** Seconds since it was pushed. */
  age?: number
  /** Seconds since it was asked for; as long as it is there unless told. */
  asked?: number
}

/** A registry’s store on this machine’s disk, laid out as distribution does. */
export class Images {
  readonly data = mkdtempSync(join(tmpdir(), 'berth-store-'))
  readonly now = Math.floor(Date.now() / 1000)

  /** An image with layers of these contents, under a tag or, without one, by digest only. Returns its digest. */
  push(
    repository: string,
    tag: string | undefined,
    layers: readonly string[],
    how: Push & { subject?: string } = {},
  ): string {
    const described = layers.map(content => ({ digest: this.blob(content, how), size: content.length }))
    for (const { digest } of described) this.#link(`${repository}/_layers/${entry(digest)}`, digest, how)
    const subject =
      how.subject === undefined ? {} : { subject: { annotations: { '{': '"digest"' }, digest: how.subject } }
    return this.manifest(repository, tag, { schemaVersion: 2, layers: described, ...subject }, how)
  }

  /** A list of images that are there. */
  list(repository: string, tag: string | undefined, children: readonly string[], how: Push = {}): string {
    return this.manifest(
      repository,
      tag,
      { schemaVersion: 2, manifests: children.map(digest => ({ digest })) },
      how,
    )
  }

  manifest(repository: string, tag: string | undefined, content: object, how: Push): string {
    const digest = this.blob(JSON.stringify(content), how)
    this.tag(repository, tag, digest, how)
    return digest
  }

  /** What the registry writes last when it takes a manifest; without `tag`, of one that is pushed by its digest. */
  tag(repository: string, tag: string | undefined, digest: string, how: Push = {}): void {
    this.#link(`${repository}/_manifests/revisions/${entry(digest)}`, digest, how)
    if (tag === undefined) return
    this.#link(`${repository}/_manifests/tags/${tag}/index/${entry(digest)}`, digest, how)
    this.#link(`${repository}/_manifests/tags/${tag}/current`, digest, how)
  }

  blob(content: string, how: Push = {}): string {
    const digest = digestOf(content)
    this.#write(join(this.root, blobPath(digest), 'data'), content, how)
    return digest
  }

  /** As if a client asked just now for a layer, by its content, or for a manifest, by its digest. */
  touch(repository: string, what: string): void {
    const digest = what.startsWith('sha256:') ? what : digestOf(what)
    const folder = digest === what ? '_manifests/revisions' : '_layers'
    const link = join(this.root, 'repositories', repository, folder, entry(digest), 'link')
    utimesSync(link, this.now, statSync(link).mtimeMs / 1000)
  }

  /** The file that makes a manifest one of a repository’s. */
  revision(repository: string, digest: string): string {
    return join(this.root, 'repositories', repository, '_manifests/revisions', entry(digest), 'link')
  }

  get root(): string {
    return join(this.data, 'docker/registry/v2')
  }

  #link(path: string, digest: string, how: Push): void {
    this.#write(join(this.root, 'repositories', path, 'link'), digest, how)
  }

  #write(path: string, content: string, { age = 0, asked = age }: Push): void {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    utimesSync(path, this.now - asked, this.now - age)
  }

  /**
   * Runs the program as the server does. `renames` is after how many it is killed, `ahead` by how many seconds its clock is, `pausing`
   * what happens while it waits for requests that are under way, in Perl; `reading` and `renaming`, before it opens or renames `$path`.
   */
  run(
    command: string,
    {
      stdin = '',
      grace = day,
      renames = -1,
      ahead = 0,
      pausing = '',
      reading = '',
      renaming = '',
    }: {
      stdin?: string
      grace?: number
      renames?: number
      ahead?: number
      pausing?: string
      reading?: string
      renaming?: string
    } = {},
  ) {
    const hooks = `BEGIN {
      my $left = ${renames};
      *CORE::GLOBAL::rename = sub ($$) { my $path = $_[0]; ${renaming}; kill 9, $$ if $left-- == 0; CORE::rename($_[0], $_[1]) };
      *CORE::GLOBAL::sysopen = sub (*$$;$) { my $path = $_[1]; ${reading}; CORE::sysopen($_[0], $_[1], $_[2], $_[3] // 0666) };
    }
`
    const { uid, gid } = { uid: process.getuid?.(), gid: process.getgid?.() }
    const { stdout, stderr, signal } = spawnSync(
      'perl',
      [
        '-e',
        `${hooks}BEGIN { *CORE::GLOBAL::sleep = sub { ${pausing} }; *CORE::GLOBAL::time = sub { CORE::time() + ${ahead} } }\n${library('retention/store.pl')}`,
        command,
        this.data,
        `${uid}:${gid}`,
        `${grace}`,
      ],
      { input: stdin, encoding: 'utf8' },
    )
    return { stdout, stderr, killed: signal === 'SIGKILL' }
  }

  tags(repository: string): string[] {
    const folder = join(this.root, 'repositories', repository, '_manifests/tags')
    return existsSync(folder) ? readdirSync(folder).sort() : []
  }

  /** Tags that can’t be pulled whole, and what is missing for each. */
  broken(): string[] {
    const all = this.#repositories('')
    return all.flatMap(repository =>
      this.tags(repository).flatMap(tag => {
        const digest = readFileSync(
          join(this.root, 'repositories', repository, '_manifests/tags', tag, 'current/link'),
          'utf8',
        )
        return this.missing(repository, digest).map(what => `${repository}:${tag} lacks ${what}`)
      }),
    )
  }

  /** What a client that pulls an image by its digest would not get. */
  missing(repository: string, digest: string): string[] {
    const here = join(this.root, 'repositories', repository)
    const data = join(this.root, blobPath(digest), 'data')
    if (!existsSync(join(here, '_manifests/revisions', entry(digest), 'link')))
      return [`the link of ${digest}`]
    if (!existsSync(data)) return [`the manifest ${digest}`]
    const { layers = [], manifests = [] } = JSON.parse(readFileSync(data, 'utf8'))
    return [
      ...layers.flatMap((layer: { digest: string }) => [
        ...(existsSync(join(here, '_layers', entry(layer.digest), 'link'))
          ? []
          : [`the link of ${layer.digest}`]),
        ...(existsSync(join(this.root, blobPath(layer.digest), 'data')) ? [] : [`the layer ${layer.digest}`]),
      ]),
      ...manifests.flatMap((child: { digest: string }) => this.missing(repository, child.digest)),
    ]
  }

  has(content: string): boolean {
    const digest = digestOf(content)
    return existsSync(join(this.root, blobPath(digest), 'data'))
  }

  /** As if all that was set aside had been for this long. */
  ageAside(seconds: number): void {
    const aside = join(this.data, 'aside')
    for (const run of readdirSync(aside).filter(each => /^\d+$/.test(each)))
      spawnSync('mv', [join(aside, run), join(aside, `${Number(run) - seconds}`)])
  }

  #repositories(name: string): string[] {
    const below = existsSync(join(this.root, 'repositories', name))
      ? readdirSync(join(this.root, 'repositories', name))
      : []
    return [
      ...(below.some(each => each.startsWith('_')) ? [name] : []),
      ...below.filter(each => !each.startsWith('_')).flatMap(each => this.#repositories(join(name, each))),
    ]
  }

  remove(): void {
    rmSync(this.data, { recursive: true, force: true })
  }
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

function entry(digest: string): string {
  return digest.replace(':', '/')
}

function blobPath(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':')
  return join('blobs', algorithm, hex.slice(0, 2), hex)
}
