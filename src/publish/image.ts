import { list, object, parseJson, string } from '../json.ts'
import type { Manifest, RegistryApi } from '../registry/api.ts'

/** What somebody wants to know of an image before they pull it. */
export interface Portrait {
  /** Bytes in the registry, of all platforms; what platforms share counts once. */
  bytes: number
  /** Such as `linux/amd64` or `linux/arm/v7`; none if it is no image but, say, a Helm chart. */
  platforms: string[]
}

type Registry = Pick<RegistryApi, 'manifest' | 'config'>

/** Looks at an image in the registry; `undefined` if that can’t be told, which is no reason to fail. */
export async function portray(
  registry: Registry,
  repository: string,
  digest: string,
): Promise<Portrait | undefined> {
  try {
    const manifest = await registry.manifest(repository, digest)
    if (!manifest) return undefined
    const children = await Promise.all(
      manifest.manifests.map(({ digest }) => registry.manifest(repository, digest)),
    )
    const blobs = [manifest, ...children].flatMap(each => each?.blobs ?? [])
    const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]))
    const platforms =
      children.length > 0 ? ofIndex(manifest) : [await ofImage(registry, repository, manifest)]
    return {
      bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      platforms: [...new Set(platforms.map(name).filter(each => each !== undefined))],
    }
  } catch {
    return undefined
  }
}

function ofIndex({ body }: Manifest): unknown[] {
  return list(object(parseJson(body)).manifests).map(each => object(each).platform)
}

async function ofImage(registry: Registry, repository: string, { config }: Manifest): Promise<unknown> {
  return config === undefined ? undefined : parseJson(await registry.config(repository, config))
}

// Signatures and attestations say that they are for `unknown/unknown`.
function name(platform: unknown): string | undefined {
  const { os, architecture, variant } = object(platform)
  if (!string(os) || !string(architecture) || os === 'unknown') return undefined
  return [os, architecture, ...(string(variant) ? [variant] : [])].join('/')
}
