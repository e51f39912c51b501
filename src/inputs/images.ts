import type { Image } from '../desired.ts'

const component = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/** Reads `image`: `source`, or `source => repository[:tag]`, one a line; `tags` are for those that name none. */
export function parseImages(
  text: string,
  tags: readonly string[],
  problem: (message: string) => void,
): Image[] {
  const images: Image[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '') continue
    const fail = (message: string) => problem(`line ${index + 1}: ${message}`)
    const [source = '', target, ...rest] = line.split(/\s*=>\s*/)
    if (rest.length > 0 || source === '' || target === '') {
      fail('write source, or source => repository:tag')
      continue
    }
    if (!/^[\w][\w./:@-]*$/.test(source)) {
      fail(`“${source}” is not the name of an image`)
      continue
    }
    const { repository, tag } = split(target ?? ownName(source))
    if (!repositoryPattern.test(repository) || repository.length > 255) {
      fail(
        `“${repository}” is not a repository; it is made of lower-case letters, digits and . _ - between slashes`,
      )
    } else if (tag !== undefined && !tagPattern.test(tag)) {
      fail(`“${tag}” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them`)
    } else {
      images.push({ source, repository, tags: tag === undefined ? [...tags] : [tag] })
    }
  }
  return images
}

/** Reads `tags`, one a line. */
export function parseTags(text: string, problem: (message: string) => void): string[] {
  const tags = text
    .split(/[\n,]/)
    .map(tag => tag.trim())
    .filter(tag => tag !== '')
  for (const tag of tags) if (!tagPattern.test(tag)) problem(`“${tag}” is not a valid tag`)
  return [...new Set(tags)]
}

function split(target: string): { repository: string; tag: string | undefined } {
  const at = target.indexOf(':')
  return at < 0
    ? { repository: target, tag: undefined }
    : { repository: target.slice(0, at), tag: target.slice(at + 1) }
}

/** `ghcr.io/acme/app:1@sha256:…` is `acme/app`: without its registry, tag and digest. */
function ownName(source: string): string {
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
}

/**
 * The tags of an image when none are given: the short sha, and the branch, `pr-N` or the versions of a tag; `latest` on
 * the default branch.
 */
export function eventTags({ ref, sha, defaultBranch }: GitHubEvent): string[] {
  const tags = sha === '' ? [] : [sha.slice(0, 7)]
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1]
  const tag = /^refs\/tags\/(.+)$/.exec(ref)?.[1]
  const pull = /^refs\/pull\/(\d+)\//.exec(ref)?.[1]
  if (branch !== undefined) tags.push(valid(branch))
  if (branch !== undefined && branch === defaultBranch) tags.push('latest')
  if (pull !== undefined) tags.push(`pr-${pull}`)
  if (tag !== undefined) tags.push(...versions(tag))
  return [...new Set(tags)]
}

// A pre-release is no version that 1.2 or 1 should mean.
function versions(tag: string): string[] {
  const semver = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(tag)
  if (!semver) return [valid(tag)]
  const [, major, minor, patch, pre] = semver
  if (pre !== undefined) return [valid(`${major}.${minor}.${patch}${pre}`)]
  return [`${major}.${minor}.${patch}`, `${major}.${minor}`, `${major}`]
}

function valid(name: string): string {
  return (
    name
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 128) || 'latest'
  )
}
