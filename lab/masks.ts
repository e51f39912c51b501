/** The values a job's log must not show, masked as GitHub's runner masks them: as given, by line, and encoded. */
export class Masks {
  private readonly values = new Set<string>()

  constructor(secrets: string[] = []) {
    for (const secret of secrets) this.add(secret)
  }

  add(secret: string): void {
    for (const part of [secret, ...secret.split(/\r?\n|\r/)]) {
      if (!part) continue
      for (const encode of encodings) {
        const value = encode(part)
        if (value) this.values.add(value)
      }
    }
  }

  apply(text: string): string {
    const covered: [number, number][] = []
    for (const value of this.values) {
      for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1))
        covered.push([at, at + value.length])
    }
    covered.sort((a, b) => a[0] - b[0])
    let masked = ''
    let end = 0
    for (const [from, to] of covered) {
      // Secrets that touch or overlap turn into one mask.
      if (from > end || end === 0) masked += `${text.slice(end, from)}***`
      end = Math.max(end, to)
    }
    return masked + text.slice(end)
  }
}

const base64 = (shift: number) => (value: string) => {
  const bytes = Buffer.from(value)
  return bytes.length > shift ? bytes.subarray(shift).toString('base64') : ''
}
const encodings = [
  (value: string) => value,
  base64(0),
  base64(1),
  base64(2),
  (value: string) => JSON.stringify(value).slice(1, -1),
  (value: string) =>
    encodeURIComponent(value).replaceAll(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  (value: string) =>
    value
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&apos;'),
]
