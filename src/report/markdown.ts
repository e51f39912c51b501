/** Foreign words in Markdown: the job summary, comments and issues show them as they are, and they do nothing. */

/**
 * A sentence. What is between single backticks stays code, as messages use it; everything else is text: no HTML, no links,
 * no heading, nobody mentioned. A backslash or several backticks in a row could make a reader see other pairs than we do.
 */
export function inline(text: string): string {
  return oneLine(text)
    .replace(/`{2,}/g, '’')
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : escaped(part)))
    .join('')
}

/** The same in a cell of a table. */
export function cell(text: string): string {
  return inline(text).replaceAll('|', '\\|')
}

/** A name in code. */
export function code(text: string): string {
  return `\`${oneLine(text).replaceAll('`', '’')}\``
}

/** A block of lines. The text may hold a fence itself, which must not end this one. */
export function fenced(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text.replaceAll('\r', '\n')}\n${fence}\n`
}

/** A text in HTML. */
export function html(text: string): string {
  return apart(oneLine(text)).replace(/[&<>"]/g, sign => entities[sign] ?? '')
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ')
}

function escaped(text: string): string {
  return apart(text)
    .replace(/[\\`*_{}[\]~]/g, '\\$&')
    .replace(/[&<>]/g, sign => entities[sign] ?? '')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

// GitHub reads mentions and numbers of issues after it has read entities and escapes: only something in between helps.
function apart(text: string): string {
  return text.replace(/@(?=\w)|#(?=\d)/g, sign => `${sign}\u200b`)
}
