import { createTwoFilesPatch } from 'diff'

/** A unified diff of a text file, with whatever looks like a credential taken out of both sides. */
export function diff({ path, before, after }: { path: string; before: string; after: string }): string {
  const [was, is] = [redact(before), redact(after)]
  if (was === is) return `  ${path}: only values that are not shown differ`
  return createTwoFilesPatch(before === '' ? '/dev/null' : path, path, was, is, undefined, undefined, {
    context: 3,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  })
    .trimEnd()
    .replace(/^/gm, '  ')
}

const sensitive =
  /^(\s*(?:- )?["']?[\w.-]*(?:secret|(?<!ht)passw|passphrase|token|credential|authorization|(?:private|access|account|api)[_-]?key|dsn)[\w.-]*["']?\s*[:=])(.*)$/i

/**
 * What a person wrote into a file, or what it held before a rotation, is masked by nobody. So the value of each key that
 * may be a credential is replaced, with the lines that belong to it, and so is the password in a URL.
 */
function redact(text: string): string {
  let hidden = Number.POSITIVE_INFINITY
  return text
    .split('\n')
    .flatMap(line => {
      const indent = line.search(/\S/)
      const item = indent === hidden && line.trimStart().startsWith('- ')
      if (indent > hidden || item || (indent < 0 && hidden < Number.POSITIVE_INFINITY)) return []
      hidden = Number.POSITIVE_INFINITY
      const [, key] = sensitive.exec(line) ?? []
      if (key === undefined) return [line.replace(/(\/\/[^\s/:@]*:)[^\s/@]+@/g, '$1[redacted]@')]
      hidden = indent
      return [`${key} [redacted]`]
    })
    .join('\n')
}
