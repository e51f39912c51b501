import type { Image, Mode, Source } from '../desired.ts'
import {
  lowered,
  ownName,
  ownTag,
  registryOf,
  repositoryMistake,
  splitTag,
  tagMistake,
  withoutRegistry,
} from '../registry/reference.ts'
import { eventTags, type GitHubEvent } from './event.ts'
import type { Reader } from './reader.ts'
import { isReference, parseTags, type Reference, type Tags, tagsFor } from './tags.ts'

/** What else decides where images go. */
interface Names {
  /** The registry that they are pushed to. */
  domain: string
  /** The owner of the workflow’s repository. */
  owner: string
  tags: Tags
  /** The tags of an image that names none and has none in `tags`. */
  event: readonly string[]
}

/** Reads `image` and `tags`. */
export function readImages(reader: Reader, mode: Mode, domain: string, event: GitHubEvent): Image[] {
  const { owner } = event
  const tags = parseTags(reader.raw('tags'), { domain, owner }, reader.mistake('tags'))
  for (const each of tags.elsewhere) reader.note('tags')(`${each} is on another registry, so it is left out`)
  const images = parseImages(
    reader.raw('image'),
    { domain, owner, tags, event: eventTags(event) },
    reader.mistake('image'),
    reader.note('image'),
  )
  if (!reader.failed('image'))
    for (const each of unused(tags, images))
      reader.mistake('tags')(
        `names ${domain}/${each.repository}:${each.tag}, and no image goes there; write source => ${each.repository} in \`image\`, or omit it`,
      )
  if (mode === 'push' && reader.text('image') === '' && reader.text('login') !== 'true')
    reader.mistake(
      'image',
      'input',
    )('is missing; name the image to push, or give `login: true` for later steps')
  if (images.some(image => image.tags.length === 0))
    reader.mistake('tags', 'input')('is empty, and the event gives no tags')
  return images
}

/**
 * Reads `image`: `source`, or `source => repository[:tag]`, one a line. `tags` are for lines that name none.
 *
 * Repositories have no capital letters, but GitHub’s owners may: a name with `owner` in it is put in lower case, in any other
 * name a capital letter is a mistake.
 */
export function parseImages(
  text: string,
  names: Names,
  mistake: (message: string) => void,
  note: (message: string) => void = () => {},
): Image[] {
  const { owner, domain } = names
  const images: Image[] = []
  const lineOf = new Map<string, number>()
  const lines = text
    .split('\n')
    .flatMap((line, index) => splitList(line.trim(), owner).map(each => ({ line: each, number: index + 1 })))
  const path = (line: string) => ownPath(line, owner)
  // As docker/metadata-action writes one image for several registries, of which Docker Hub has no name.
  const twin = (line: string) =>
    !line.includes('=>') &&
    registryOf(line) !== domain &&
    (registryOf(line) !== undefined || ownTag(line) !== undefined) &&
    lines.some(
      ({ line: each }) =>
        registryOf(each) === domain &&
        path(each) === path(line) &&
        (registryOf(line) !== undefined || ownTag(each) === ownTag(line)),
    )
  const wanted = lines.map(({ line }) => line).filter(line => line !== '' && !twin(line))
  const alone = (name: string) => wanted.filter(line => path(line) === path(name)).length === 1
  for (const { line, number } of lines) {
    if (line === '') continue
    if (twin(line)) {
      note(
        registryOf(line) === undefined
          ? `${line} is the name of the same image on Docker Hub, so it is left out; to push another one, write ${line} => ${line}`
          : `${line} is on another registry, so it is left out`,
      )
      continue
    }
    const fail = (message: string) => mistake(`line ${number}: ${message}`)
    const [left = '', target, ...rest] = line.split(/\s*=>\s*/)
    if (rest.length > 0 || left === '' || target === '') {
      fail('write source, or source => repository:tag')
      continue
    }
    const source = parseSource(left, owner)
    if (typeof source === 'string') {
      fail(source)
      continue
    }
    const places =
      target === undefined
        ? ownPlaces(source, names, { single: wanted.length === 1, alone: alone(line) })
        : given(target, names)
    if (typeof places === 'string') {
      fail(places)
      continue
    }
    for (const { repository, tags } of places) {
      const earlier = tags
        .map(each => repository && lineOf.get(`${repository}:${each}`))
        .find(each => each !== undefined)
      if (earlier) fail(`goes to the same repository and tag as line ${earlier}`)
      else images.push({ source, repository, tags })
      for (const each of tags) lineOf.set(`${repository}:${each}`, number)
    }
  }
  return images
}

/** References that are separated by commas, as docker/metadata-action can write them; any other line is left as it is. */
function splitList(line: string, owner: string): string[] {
  const words = line.split(',').map(word => word.trim())
  const isImage = (word: string) => {
    const source = parseSource(word, owner)
    return typeof source !== 'string' && source.kind === 'docker' && isReference(word)
  }
  return words.length > 1 && words.every(isImage) ? words : [line]
}

/** The path that a reference names, without registry and tag. */
function ownPath(line: string, owner: string): string | undefined {
  return ownName(lowered(line, owner))
}

/** References in `tags` that no image goes to. Where an archive goes that says so itself is not known yet. */
function unused({ references }: Tags, images: readonly Image[]): Reference[] {
  if (images.length === 0 || images.some(image => image.repository === undefined)) return []
  return references.filter(
    each => !images.some(image => image.repository === each.repository && image.tags.includes(each.tag)),
  )
}

type Place = Pick<Image, 'repository' | 'tags'>

/** Where an image goes whose line says so (`=> target`), or what is wrong with that. */
function given(target: string, names: Names): Place[] | string {
  const { domain, owner, tags } = names
  const registry = registryOf(target)
  if (registry !== undefined && registry !== domain)
    return `“${target}” is on another registry than ${domain}; omit its name, or push there in another step`
  const { repository, tag } = splitTag(lowered(withoutRegistry(target), owner))
  const wrong = repositoryMistake(repository) ?? (tag === undefined ? undefined : tagMistake(tag))
  if (wrong) return wrong
  if (tag !== undefined) return [{ repository, tags: [tag] }]
  const own = tagsFor(repository, tags)
  if (own.length === 0 && tags.references.length > 0)
    return `\`tags\` has references, and none to ${domain}/${repository}; add one, or write ${repository}:TAG`
  return [{ repository, tags: own.length > 0 ? own : [...names.event] }]
}

/**
 * Where an image goes whose line does not say: to its own name, or to the references in `tags`. `single`: it is the only image;
 * `alone`: it is the only one of its name.
 */
function ownPlaces(
  source: Source,
  names: Names,
  { single, alone }: { single: boolean; alone: boolean },
): Place[] | string {
  const { domain, tags, event } = names
  const name = source.kind === 'docker' ? source.name : undefined
  const repository = name === undefined ? undefined : ownName(name)
  const wrong = repository === undefined ? undefined : repositoryMistake(repository)
  const { references, plain } = tags
  const onHere = name !== undefined && registryOf(name) === domain
  const named = repository !== undefined && references.some(each => each.repository === repository)
  const tag = onHere && plain.length === 0 && !(named && alone) ? ownTag(name) : undefined
  if (references.length === 0 || tag !== undefined) {
    if (wrong) return wrong
    return [{ repository, tags: tag !== undefined ? [tag] : [...(plain.length > 0 ? plain : event)] }]
  }
  if (named && !single) return [{ repository, tags: tagsFor(repository, tags) }]
  const repositories = [...new Set(references.map(each => each.repository))]
  if (!single) return `\`tags\` does not say where this one goes; write source => ${repositories[0]}`
  return repositories.map(each => ({ repository: each, tags: tagsFor(each, tags) }))
}

function parseSource(text: string, owner: string): Source | string {
  const [, kind, place] = /^(oci|oci-archive|docker-archive):(.+)$/.exec(text) ?? []
  if (kind === 'oci' || kind === 'oci-archive' || kind === 'docker-archive') {
    const [, path = '', reference] = /^([^:]*)(?::(.+))?$/.exec(place ?? '') ?? []
    return path === '' ? `“${text}” names no file or folder` : { kind, path, reference }
  }
  if (/^(\/|\.\.?\/)/.test(text)) {
    return text.includes(':')
      ? `the path “${text}” has a colon; rename it`
      : { kind: 'path', path: text, reference: undefined }
  }
  const name = lowered(text, owner)
  if (/^sha256:[0-9a-f]{12,64}$/.test(name)) return { kind: 'docker', name }
  if (!/^\w(?:[\w./:@-]*\w)?$/.test(name)) return `“${text}” is not the name of an image`
  return { kind: 'docker', name }
}
