/** Whether a pattern of `keep` matches a repository, by the same rules as in `access`. */
export function matches(pattern: string, repository: string): boolean {
  const parts = pattern
    .split(/(\*+)/)
    .map(each => (each === '**' ? '.*' : each === '*' ? '[^/]*' : each.replace(/[.+]/g, '\\$&')))
  return new RegExp(`^${parts.join('')}$`).test(repository)
}

/** Whether a pattern of `tags` matches a tag. Whoever pushes chooses the tags, so this must not be slow for any tag. */
export function matchesTag(pattern: string, tag: string): boolean {
  const [first = '', ...others] = pattern.split(/\*+/)
  const last = others.pop()
  if (last === undefined) return tag === pattern
  if (!tag.startsWith(first)) return false
  let at = first.length
  for (const each of others) {
    const found = tag.indexOf(each, at)
    if (found < 0) return false
    at = found + each.length
  }
  return tag.length - last.length >= at && tag.endsWith(last)
}
