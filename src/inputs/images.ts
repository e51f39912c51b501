import type { Image, Source } from '../desired.ts'

const component = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Reads `image`: `source`, or `source => repository[:tag]`, one a line; `tags` are for those that name none.
 *
 * A registry knows no capital letters, GitHub’s owners have them: a name that begins with `owner` is lowered, any other
 * is a mistake.
 */
export function parseImages(
  text: string,
  tags: readonly string[],
  owner: string,
  mistake: (message: string) => void,
): Image[] {
  const images: Image[] = []
  const lineOf = new Map<string, number>()
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '') continue
    const fail = (message: string) => mistake(`line ${index + 1}: ${message}`)
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
    const name = target ?? (source.kind === 'docker' ? ownName(source.name) : undefined)
    const { repository, tag } = name === undefined ? {} : split(lowered(name, owner))
    const wrong =
      (repository !== undefined && repositoryMistake(repository)) || (tag !== undefined && tagMistake(tag))
    if (wrong) {
      fail(wrong)
      continue
    }
    const image = { source, repository, tags: tag === undefined ? [...tags] : [tag] }
    const earlier = image.tags
      .map(each => repository && lineOf.get(`${repository}:${each}`))
      .find(each => each !== undefined)
    if (earlier) fail(`goes to the same repository and tag as line ${earlier}`)
    else images.push(image)
    for (const each of image.tags) lineOf.set(`${repository}:${each}`, index + 1)
  }
  return images
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

function lowered(name: string, owner: string): string {
  const end = name.lastIndexOf(':') > name.lastIndexOf('/') ? name.lastIndexOf(':') : name.length
  const isOwn = (part: string) => owner !== '' && part.toLowerCase() === owner.toLowerCase()
  return name.slice(0, end).split('/').some(isOwn) ? name.slice(0, end).toLowerCase() + name.slice(end) : name
}

/** What is wrong with the name of a repository. */
export function repositoryMistake(repository: string): string | undefined {
  if (repositoryPattern.test(repository) && repository.length <= 255) return undefined
  const lower = repository.toLowerCase()
  const rule = 'it is made of lower-case letters, digits and . _ - between slashes'
  return `“${repository}” is not a repository; ${lower !== repository && repositoryPattern.test(lower) ? `write “${lower}”` : rule}`
}

function tagMistake(tag: string): string | undefined {
  return tagPattern.test(tag)
    ? undefined
    : `“${tag}” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them`
}

/** Reads `tags`, one a line. */
export function parseTags(text: string, mistake: (message: string) => void): string[] {
  const tags = text
    .split(/[\n,]/)
    .map(tag => tag.trim())
    .filter(tag => tag !== '')
  for (const wrong of tags.map(tagMistake)) if (wrong) mistake(wrong)
  return [...new Set(tags)]
}

function split(target: string): { repository: string; tag: string | undefined } {
  const at = target.indexOf(':')
  return at < 0
    ? { repository: target, tag: undefined }
    : { repository: target.slice(0, at), tag: target.slice(at + 1) }
}

/** `ghcr.io/acme/app:1@sha256:…` is `acme/app`: without its registry, tag and digest. */
export function ownName(source: string): string | undefined {
  if (source.startsWith('sha256:')) return undefined
  const [name = ''] = source.split('@')
  const parts = name.replace(/:[^/]*$/, '').split('/')
  const [first = ''] = parts
  return (parts.length > 1 && /[.:]|^localhost$/.test(first) ? parts.slice(1) : parts).join('/')
}

/** What the workflow runs on. */
export interface GitHubEvent {
  name: string
  /** Such as `refs/heads/main`, `refs/tags/v1.2.3` or `refs/pull/7/merge`. */
  ref: string
  sha: string
  defaultBranch: string | undefined
  /** The number of the pull request, if it is about one. */
  pull: number | undefined
  /** Whose repository the workflow is in. */
  owner: string
}

/**
 * The tags of an image when none are given: the short sha, and the branch, `pr-N` or the versions of a tag; `latest` on
 * the default branch.
 */
export function eventTags({ name, ref, sha, defaultBranch, pull }: GitHubEvent): string[] {
  const tags = sha === '' ? [] : [sha.slice(0, 7)]
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1]
  const tag = /^refs\/tags\/(.+)$/.exec(ref)?.[1]
  // `pull_request_target` runs on the base branch, whose tags a pull request must not move.
  if (name.startsWith('pull_request') || ref.startsWith('refs/pull/')) {
    const number = pull ?? /^refs\/pull\/(\d+)\//.exec(ref)?.[1]
    return number === undefined ? tags : [...tags, `pr-${number}`]
  }
  if (branch !== undefined) tags.push(...valid(branch))
  if (branch !== undefined && branch === defaultBranch) tags.push('latest')
  if (tag !== undefined) tags.push(...versions(tag))
  return [...new Set(tags)]
}

// A pre-release is no version that 1.2 or 1 should mean.
function versions(tag: string): string[] {
  const semver = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(tag)
  if (!semver) return valid(tag)
  const [, major, minor, patch, pre] = semver
  if (pre !== undefined) return valid(`${major}.${minor}.${patch}${pre}`)
  return [`${major}.${minor}.${patch}`, `${major}.${minor}`, `${major}`]
}

// Of a name without a single letter that a tag may have, nothing is left, and no other tag should take its place.
function valid(name: string): string[] {
  const tag = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .replace(/-+$/, '')
    .slice(0, 128)
  return tag === '' ? [] : [tag]
}
