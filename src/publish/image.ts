import { count } from '../format.ts'
import { list, object, parseJson, string } from '../json.ts'
import type { Manifest, RegistryApi } from '../registry/api.ts'

/** What people want to know about an image before they pull it. */
export interface Portrait {
  /** Bytes in the registry for all platforms. Layers that platforms share count once. */
  bytes: number
  /** Such as `linux/amd64` or `linux/arm/v7`, and whatever else is in it, such as `2 attestations` or `Helm chart`. */
  platforms: string[]
}

type Registry = Pick<RegistryApi, 'manifest' | 'config'>

/** A limit, because a registry could name any number. No real image has as many. */
const maxPlatforms = 1000

/** Reads about an image in the registry; `undefined` if that fails, because a push need not fail for it. */
export async function portray(
  registry: Registry,
  repository: string,
  digest: string,
): Promise<Portrait | undefined> {
  try {
    const manifest = await registry.manifest(repository, digest)
    if (!manifest || manifest.manifests.length > maxPlatforms) return undefined
    const children = await Promise.all(
      manifest.manifests.map(({ digest }) => registry.manifest(repository, digest)),
    )
    const blobs = [manifest, ...children].flatMap(each => each?.blobs ?? [])
    const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]))
    const platforms =
      children.length > 0 ? ofIndex(manifest) : [await ofImage(registry, repository, manifest)]
    return {
      bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      platforms: [...new Set(platforms.filter(each => each !== undefined))],
    }
  } catch {
    return undefined
  }
}

function ofIndex({ body }: Manifest): (string | undefined)[] {
  const entries = list(object(parseJson(body)).manifests).map(object)
  const attests = (entry: Record<string, unknown>) =>
    object(entry.annotations)['vnd.docker.reference.type'] === 'attestation-manifest'
  const attestations = entries.filter(attests).length
  return [
    ...entries
      .filter(entry => !attests(entry))
      .map(({ platform, artifactType }) => nameOf(platform) ?? string(artifactType)),
    ...(attestations > 0 ? [count(attestations, 'attestation')] : []),
  ]
}

async function ofImage(
  registry: Registry,
  repository: string,
  { body, config }: Manifest,
): Promise<string | undefined> {
  if (config !== undefined) {
    const text = await registry.config(repository, config)
    // Not even whether it is an image can be told then.
    if (text === undefined) return undefined
    const name = nameOf(parseJson(text))
    if (name !== undefined) return name
  }
  const { artifactType, config: configuration } = object(parseJson(body))
  const type = string(artifactType) ?? string(object(configuration).mediaType)
  return artifacts.find(([pattern]) => pattern.test(type ?? ''))?.[1] ?? type
}

const artifacts: [RegExp, string][] = [
  [/cncf\.helm/, 'Helm chart'],
  [/wasm/, 'WebAssembly'],
]

function nameOf(platform: unknown): string | undefined {
  const { os, architecture, variant } = object(platform)
  if (!string(os) || !string(architecture)) return undefined
  return [os, architecture, ...(string(variant) ? [variant] : [])].join('/')
}
