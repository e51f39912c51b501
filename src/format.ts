/** `1 change`, `2 changes`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** Milliseconds, in the unit that a person would choose. */
export function duration(milliseconds: number): string {
  if (milliseconds < 100) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Whole days from `now`, in milliseconds since 1970, until a date. */
export function daysUntil(date: Date, now: number): number {
  return Math.floor((date.getTime() - now) / (24 * 60 * 60 * 1000))
}

/** Bytes, in the unit that a person would choose. */
export function megabytes(bytes: number): string {
  if (bytes < 1e5) return `${Math.ceil(bytes / 1e3)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

/** The last line that a program printed, for use in a sentence. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() || 'it said nothing'
}

/** An image’s reference with its digest cut to 12 digits. */
export function shortReference(image: string): string {
  return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1…')
}

/**
 * What a program said, without a domain and those that it is in: a word in a name such as `registry.timeout.dev` says nothing about
 * what went wrong.
 */
export function withoutDomain(text: string, domain: string): string {
  const labels = domain.split('.')
  const names = labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'))
  return names.reduce(
    (rest, name) => rest.replace(new RegExp(`(?<![\\w-])${literal(name)}(?![\\w-]|\\.\\w)`, 'gi'), 'DOMAIN'),
    text,
  )
}

/** A regular expression for exactly this text. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
