import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Source } from '../desired.ts'
import { Failure } from '../failure.ts'
import { isObject, list, object, parseJson, string, strings } from '../json.ts'
import { ownName, repositoryMistake } from '../registry/reference.ts'
import { exec } from '../runner/exec.ts'
import type { Stored } from '../runner/skopeo.ts'

/** An entry of an OCI layout’s `index.json`. */
interface Entry {
  nested: boolean
  digest: string
  annotations: Record<string, unknown>
}

/** An entry of the `manifest.json` that `docker save` writes. */
interface Saved {
  config: string
  names: string[]
}

type Archive = Exclude<Source, { kind: 'docker' }>

/** An image in an archive or a layout. */
interface Archived {
  /** Digest of its manifest, index or configuration. */
  id: string
  repository: string
  /** Bytes; 0 if it is a folder. */
  size: number
  stored: Stored
}

/** An image within an archive or a layout. */
interface Found {
  id: string
  name?: string
  /** As skopeo asks for it; `undefined` if there is no other, or skopeo has no name for it. */
  reference: string | undefined
  /** In a layout: whether skopeo could take another one for it. */
  ambiguous?: boolean
}

/** Finds the image that a source names; `wanted` is the repository that it is to go to, if the source’s line says so. */
export async function findArchive(
  { kind: given, path, reference }: Archive,
  wanted: string | undefined,
  say: (line: string) => void,
): Promise<Archived> {
  if (!existsSync(path))
    throw new Failure(
      'imageMissing',
      `there is no ${path} in the workspace; build it in an earlier step of the same job`,
    )
  const index = entries(await read(path, 'index.json'))
  const saved = savedImages(await read(path, 'manifest.json'))
  const kind = given === 'path' ? await kindOf(path, index, saved, say) : given
  const found =
    kind === 'docker-archive' ? oneSaved(path, reference, saved) : oneOf(kind, path, reference, index)
  const repository = wanted ?? (found.name && ownName(found.name.replace(officialImage, '')))
  if (repository === undefined)
    throw new Failure('imageName', `${path} does not say its name; write ${path} => repository`)
  const mistake = repositoryMistake(repository)
  if (mistake) throw new Failure('imageName', `${path}: ${mistake}`)
  const inside = found.reference
  return {
    id: found.id,
    repository,
    size: statSync(path).isFile() ? statSync(path).size : 0,
    stored: {
      from: `${kind}:${path}${inside === undefined ? '' : `:${inside}`}`,
      ...(found.ambiguous !== undefined && { digest: found.id, ambiguous: found.ambiguous }),
    },
  }
}

// Since version 25, Docker’s archives are both. Only an index of indexes says more than `manifest.json` can, if all of it is there.
async function kindOf(
  path: string,
  index: readonly Entry[] | undefined,
  saved: readonly Saved[] | undefined,
  say: (line: string) => void,
): Promise<Exclude<Archive['kind'], 'path'>> {
  if (statSync(path).isDirectory()) {
    if (index) return 'oci'
    const todo = existsSync(join(path, 'version'))
      ? `it has skopeo’s \`dir:\` format, so convert it first: \`skopeo copy --all dir:${path} oci:${path}-oci\``
      : 'write one with `docker buildx build --output type=oci,dest=FILE`'
    throw new Failure('imageMissing', `the folder ${path} is no OCI layout; ${todo}`)
  }
  const nested = index?.filter(({ nested }) => nested) ?? []
  if (index && !saved) return 'oci-archive'
  if (nested.length > 0) {
    const absent = await absentFrom(path, nested)
    if (absent.length === 0) return 'oci-archive'
    say(`${path} has no ${absent.join(', ')}, which its index names, so it is pushed without`)
  }
  if (saved) return 'docker-archive'
  throw new Failure(
    'imageMissing',
    `${path} is neither a \`docker save\` archive nor an OCI one, or the runner lacks what unpacks it${/zst/.test(path) ? ' (zstd)' : ''}; give one of those`,
  )
}

/**
 * What indexes in an archive name that is not in it. Docker saves an image that was pulled with the whole index, and of the
 * platforms only those that were pulled.
 */
async function absentFrom(path: string, indexes: readonly Entry[]): Promise<string[]> {
  const { stdout } = await exec('tar', ['-tf', path])
  const there = new Set(stdout.split('\n').map(name => name.replace(/^\.\//, '')))
  const blob = (digest: unknown) => `blobs/${string(digest)?.replace(':', '/')}`
  const absent: string[] = []
  for (const { digest } of indexes) {
    if (!there.has(blob(digest))) absent.push(digest)
    else
      for (const member of list(object(await read(path, blob(digest))).manifests).map(object))
        if (!there.has(blob(member.digest))) absent.push(platformName(member))
  }
  return [...new Set(absent)]
}

/** How to call a member of an index. */
function platformName({ annotations, digest, platform }: Record<string, unknown>): string {
  if (object(annotations)['vnd.docker.reference.type'] === 'attestation-manifest') return 'attestation'
  const { os, architecture, variant } = object(platform)
  return strings([os, architecture, variant]).join('/') || (string(digest) ?? 'unknown')
}

function oneSaved(path: string, reference: string | undefined, saved: readonly Saved[] = []): Found {
  const images = reference === undefined ? saved : saved.filter(({ names }) => names.includes(reference))
  const [image] = images
  if (!image || images.length > 1) {
    const names = saved.flatMap(({ names }) => names)
    const own = names.filter(name => names.indexOf(name) === names.lastIndexOf(name))
    throw several(path, reference, 'docker-archive', own)
  }
  const name = reference ?? image.names[0]
  return { id: `sha256:${image.config}`, reference, ...(name && { name }) }
}

function oneOf(
  kind: 'oci' | 'oci-archive',
  path: string,
  reference: string | undefined,
  index: readonly Entry[] = [],
): Found {
  const entries = reference === undefined ? index : index.filter(each => isCalled(each, reference))
  const [entry] = entries
  // buildx lists an image once for each of its names.
  if (!entry || entries.some(({ digest }) => digest !== entry.digest))
    throw several(path, reference, kind, strings(index.map(each => ownNameIn(each, index))))
  const name = namesOf(entry).find(each => /[/:]/.test(each))
  // skopeo knows it by no other name, and takes the first that has it.
  const inside = index.length === 1 ? undefined : string(entry.annotations[refName])
  const ambiguous =
    index.length > 1 &&
    (inside === undefined ||
      index.some(each => each.digest !== entry.digest && each.annotations[refName] === inside))
  return {
    ...{ id: entry.digest, reference: ambiguous ? undefined : inside, ambiguous },
    ...(name && { name }),
  }
}

/** The name by which an entry, and no other image of the layout, can be asked for. */
function ownNameIn(entry: Entry, index: readonly Entry[]): string | undefined {
  const names = [string(entry.annotations[refName]), ...namesOf(entry)]
  return names.find(
    name =>
      name !== undefined && index.every(other => other.digest === entry.digest || !isCalled(other, name)),
  )
}

const refName = 'org.opencontainers.image.ref.name'

/** What containerd writes before a name without a registry and a slash. `docker save` of another store omits it. */
const officialImage = /^docker\.io\/library\//

/** The names of an entry, full references first. buildx writes several into one annotation. */
function namesOf({ annotations }: Entry): string[] {
  const references = string(annotations[refName])?.split(',') ?? []
  return [...new Set([...strings([annotations['io.containerd.image.name']]), ...references])]
}

function isCalled(entry: Entry, reference: string): boolean {
  return (
    entry.annotations[refName] === reference ||
    namesOf(entry).some(name =>
      ['', 'docker.io/', 'docker.io/library/'].some(hub => hub + reference === name),
    )
  )
}

function several(
  path: string,
  reference: string | undefined,
  kind: Archive['kind'],
  names: readonly string[],
): Failure {
  const what =
    reference === undefined ? 'does not hold exactly one image' : `has no single image ${reference}`
  const own = [...new Set(names)]
  const [first] = own
  const todo =
    first !== undefined
      ? `it has ${own.slice(0, 5).join(', ')}: write ${kind}:${path}:${first}`
      : kind === 'docker-archive'
        ? 'it has none with a name of its own: save each by its name, with `docker save`'
        : 'it has none with a name of its own: write each to a place of its own, with `docker buildx build --output type=oci,dest=FILE`'
  return new Failure('imageMissing', `${path} ${what}; ${todo}`)
}

/** A JSON file of a layout, or of a layout in an archive. */
async function read(path: string, name: string): Promise<unknown> {
  const text = statSync(path).isDirectory()
    ? await readFile(join(path, name), 'utf8').catch(() => '')
    : // Archives use either name. tar complains about the other.
      (await exec('tar', ['-xOf', path, name, `./${name}`])).stdout
  return parseJson(text)
}

/** What `index.json` lists, images only; `undefined` if it is not an index. */
function entries(index: unknown): Entry[] | undefined {
  if (!isObject(index)) return undefined
  return list(index.manifests)
    .map(object)
    .flatMap(({ mediaType, digest, annotations }) =>
      typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)
        ? [{ digest, nested: /index|list/.test(string(mediaType) ?? ''), annotations: object(annotations) }]
        : [],
    )
}

function savedImages(saved: unknown): Saved[] | undefined {
  if (!Array.isArray(saved)) return undefined
  return saved.map(object).flatMap(({ Config, RepoTags }) => {
    const config = /[0-9a-f]{64}/.exec(string(Config) ?? '')?.[0]
    return config === undefined ? [] : [{ config, names: strings(RepoTags) }]
  })
}
