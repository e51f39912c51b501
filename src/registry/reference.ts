const component = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*'
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/** What is wrong with the name of a repository. */
export function repositoryMistake(repository: string): string | undefined {
  if (repositoryPattern.test(repository) && repository.length <= 255) return undefined
  const lower = repository.toLowerCase()
  const rule = 'it is made of lower-case letters, digits and . _ - between slashes'
  return `“${repository}” is not a repository; ${lower !== repository && repositoryPattern.test(lower) ? `write “${lower}”` : rule}`
}

/** What is wrong with a tag. */
export function tagMistake(tag: string): string | undefined {
  return tagPattern.test(tag)
    ? undefined
    : `“${tag}” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them`
}

/** Takes `repository:tag` apart. */
export function splitTag(target: string): { repository: string; tag: string | undefined } {
  const at = target.indexOf(':')
  return at < 0
    ? { repository: target, tag: undefined }
    : { repository: target.slice(0, at), tag: target.slice(at + 1) }
}

/** `ghcr.io/acme/app:1@sha256:…` is `acme/app`: without its registry, tag and digest. */
export function ownName(source: string): string | undefined {
  if (source.startsWith('sha256:')) return undefined
  const [name = ''] = source.split('@')
  return withoutRegistry(name.replace(/:[^/]*$/, ''))
}

/** The tag that a reference names. */
export function ownTag(source: string): string | undefined {
  return /:([^/:]+)$/.exec(source.split('@')[0] ?? '')?.[1]
}

/** The registry that a reference names, which is told from the first part of a path by Docker’s rule. */
export function registryOf(name: string): string | undefined {
  const [first = '', ...rest] = name.split('/')
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first.toLowerCase() : undefined
}

/** A reference without the registry that it names. */
export function withoutRegistry(name: string): string {
  return registryOf(name) === undefined ? name : name.slice(name.indexOf('/') + 1)
}

/** Puts a name with `owner` in it in lower case, except for its tag: repositories have no capital letters, but GitHub’s owners may. */
export function lowered(name: string, owner: string): string {
  const end = name.lastIndexOf(':') > name.lastIndexOf('/') ? name.lastIndexOf(':') : name.length
  const isOwn = (part: string) => owner !== '' && part.toLowerCase() === owner.toLowerCase()
  return name.slice(0, end).split('/').some(isOwn) ? name.slice(0, end).toLowerCase() + name.slice(end) : name
}
