/** The event that the workflow runs for. */
export interface GitHubEvent {
  name: string
  /** Such as `refs/heads/main`, `refs/tags/v1.2.3` or `refs/pull/7/merge`. */
  ref: string
  sha: string
  defaultBranch: string | undefined
  /** The number of the pull request, if there is one. */
  pull: number | undefined
  /** The owner of the workflow’s repository. */
  owner: string
}

/**
 * The tags of an image when none are given: the short SHA, and the branch, `pr-N` or the versions of a Git tag; on the default
 * branch also `latest`.
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

// 1.2 and 1 must never point to a pre-release.
function versions(tag: string): string[] {
  const semver = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(tag)
  if (!semver) return valid(tag)
  const [, major, minor, patch, pre] = semver
  if (pre !== undefined) return valid(`${major}.${minor}.${patch}${pre}`)
  return [`${major}.${minor}.${patch}`, `${major}.${minor}`, `${major}`]
}

// Nothing is left of a name without any character that a tag may have. Then there is no tag for it.
function valid(name: string): string[] {
  const tag = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .replace(/-+$/, '')
    .slice(0, 128)
  return tag === '' ? [] : [tag]
}
