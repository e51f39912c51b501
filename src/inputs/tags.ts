import {
  lowered,
  registryOf,
  repositoryMistake,
  splitTag,
  tagMistake,
  withoutRegistry,
} from '../registry/reference.ts'

/** A whole reference on the registry of this step, without its domain. */
export interface Reference {
  repository: string
  tag: string
}

/** What `tags` says. */
export interface Tags {
  plain: string[]
  /** Whole references, as docker/metadata-action writes them. */
  references: Reference[]
  /** References to other registries, which another step pushes. */
  elsewhere: string[]
}

/** Reads `tags`, separated by commas or line breaks: tags, or whole references, of which those to `domain` count. */
export function parseTags(
  text: string,
  { domain, owner }: { domain: string; owner: string },
  mistake: (message: string) => void,
): Tags {
  const tags: Tags = { plain: [], references: [], elsewhere: [] }
  const words = text
    .split(/[\n,]/)
    .map(tag => tag.trim())
    .filter(tag => tag !== '')
  for (const word of new Set(words)) {
    if (!isReference(word)) tags.plain.push(word)
    else if (registryOf(word) === domain) {
      const { repository, tag = 'latest' } = splitTag(lowered(withoutRegistry(word), owner))
      const wrong = repositoryMistake(repository)
      if (wrong) mistake(wrong)
      else tags.references.push({ repository, tag })
    } else tags.elsewhere.push(word)
  }
  for (const each of [...tags.plain, ...tags.references.map(({ tag }) => tag)]) {
    const wrong = tagMistake(each)
    if (wrong) mistake(wrong)
  }
  if (tags.elsewhere.length > 0 && tags.plain.length + tags.references.length === 0)
    mistake(
      `names no tag on ${domain}, only ${tags.elsewhere.slice(0, 3).join(', ')}; write ${domain}/REPOSITORY:TAG, or the tag alone`,
    )
  return tags
}

/** Whether a word is a whole reference. A branch such as feature/x is none, and no tag either. */
export function isReference(word: string): boolean {
  return /^[\w.-]+[/:][\w.:@/+-]+$/.test(word) && (registryOf(word) !== undefined || /[:@][^/]*$/.test(word))
}

/** The tags of an image that goes to a repository: those of its references there, and those that name no repository. */
export function tagsFor(repository: string, { plain, references }: Tags): string[] {
  const own = references.filter(each => each.repository === repository).map(({ tag }) => tag)
  return [...new Set([...own, ...plain])]
}
