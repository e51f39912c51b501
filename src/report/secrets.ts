/**
 * Secrets in what reaches people by another way than the log. The runner masks only its log, and there only what is written as it was
 * given: not what GitHub’s API takes, nor a summary, in which some characters are escaped.
 */
const secrets: string[] = []

/** Shorter ones are parts of too many words. */
const shortest = 4

/** Hides these texts from now on. */
export function hide(texts: readonly string[]): void {
  secrets.push(...texts.filter(({ length }) => length >= shortest))
  // One may be a part of another.
  secrets.sort((a, b) => b.length - a.length)
}

/** The text with `***` in place of each secret, as the runner masks its log. */
export function hidden(text: string): string {
  return secrets.reduce(
    (rest, secret) => (rest.includes(secret) ? rest.replaceAll(secret, '***') : rest),
    text,
  )
}
