import { existsSync } from 'node:fs'
import type { Credentials, Image } from '../desired.ts'
import { asFailure, Failure, InputError } from '../failure.ts'
import { Docker, type PushMessage } from '../runner/docker.ts'
import type { Skopeo, Stored } from '../runner/skopeo.ts'
import { findArchive } from './archive.ts'

/** An image that was found on this runner. */
export interface Local {
  /** Digest of its manifest, index or configuration. A registry that has the image knows it by one of them. */
  id: string
  repository: string
  tags: string[]
  /** Who pushes it. */
  client: 'Docker' | 'skopeo'
  /** Bytes, as far as known. */
  size: number
  /** Pushes it and returns the digest; throws what the client says. */
  push(
    to: { name: string; tag: string },
    user: Credentials | undefined,
    hear: (message: PushMessage) => void,
    cancelled: AbortSignal,
  ): Promise<string>
}

/** Finds the images, before anything is contacted; throws an InputError that names every one that can’t be pushed. `say` hears of what is left out. */
export async function findImages(
  images: readonly Image[],
  skopeo: Skopeo,
  cancelled: AbortSignal,
  say: (line: string) => void,
): Promise<Local[]> {
  const mistakes: Failure[] = []
  const locals: Local[] = []
  const docker = images.some(({ source }) => source.kind === 'docker')
    ? await Docker.connect(cancelled)
    : undefined
  if (images.some(({ source }) => source.kind !== 'docker')) await skopeo.check()
  for (const { source, repository, tags } of images) {
    try {
      if (source.kind !== 'docker') {
        const { stored, ...found } = await findArchive(source, repository, say)
        locals.push({ ...found, tags, client: 'skopeo', push: pushBySkopeo(skopeo, stored) })
      } else if (docker) {
        if (repository === undefined)
          throw new Failure('imageName', `${source.name} has no name; write ${source.name} => repository`)
        const found = await docker.image(source.name)
        if (!found) throw new Failure('imageMissing', absent(source.name, await docker.names()))
        const push: Local['push'] = (...where) => docker.push(found, ...where)
        const { id, size } = found
        locals.push({ id, size, repository, tags, client: 'Docker', push })
      }
    } catch (error) {
      const { topic, message } = asFailure(error)
      mistakes.push(new Failure(topic ?? 'imageMissing', `image: ${message}`))
    }
  }
  mistakes.push(...twins(locals))
  if (mistakes.length > 0) throw new InputError(mistakes)
  return locals
}

/** Two images for one tag. Where an archive goes that says so itself is known only now. */
function twins(locals: readonly Local[]): Failure[] {
  const places = locals.flatMap(({ repository, tags }) => tags.map(tag => `${repository}:${tag}`))
  const twice = new Set(places.filter((place, index) => places.indexOf(place) !== index))
  return [...twice].map(
    place =>
      new Failure(
        'imageName',
        `image: several images would go to ${place}, and only one can have it; give each a place of its own, as source => repository:tag`,
      ),
  )
}

/** Says that an image is missing, and which ones are there. */
function absent(name: string, names: readonly string[]): string {
  if (existsSync(name))
    return `this runner’s Docker has no image ${name}; if you mean the file of that name, write ./${name}`
  const shown = names.slice(0, 5).join(', ')
  return `this runner’s Docker has no image ${name}, ${shown === '' ? 'nor any other' : `only ${shown}`}; build it in an earlier step of the same job, with \`load: true\` if buildx builds it`
}

function pushBySkopeo(skopeo: Skopeo, stored: Stored): Local['push'] {
  return ({ name, tag }, user, hear, cancelled) => {
    const onLine = (line: string) => {
      const id = /^Copying blob (?:sha256:)?(\w{12})/.exec(line)?.[1]
      if (id) hear({ id, status: line.includes('skipped') ? 'Layer already exists' : 'Pushing' })
    }
    return skopeo.copy(stored, `${name}:${tag}`, user, onLine, cancelled)
  }
}
