import { hidden } from './secrets.ts'

/** Foreign text in Markdown, so that the job summary, comments and issues show it as it is and it has no effect. */

/**
 * A sentence. Text between single backticks stays code, as in Berth’s messages. Everything else is plain text: no HTML, links,
 * headings or mentions. A backslash or several backticks in a row could make GitHub pair the backticks in another way.
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
  return barred(inline(text))
}

/** A name in code. */
export function code(text: string): string {
  return `\`${oneLine(text).replaceAll('`', '’')}\``
}

/** The same in a cell of a table, which ends at a `|` in code too. */
export function cellCode(text: string): string {
  return barred(code(text))
}

/** Escapes `|`. Backslashes before it are removed, because they would escape the added one. */
function barred(markdown: string): string {
  return markdown.replace(/\\*\|/g, '\\|')
}

/** A block of lines. A fence in the text itself must not end it. */
export function fenced(text: string, language = ''): string {
  const shown = hidden(text).replaceAll('\r', '\n')
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${shown}\n${fence}\n`
}

/** A text in HTML. */
export function html(text: string): string {
  return apart(oneLine(text)).replace(/[&<>"]/g, sign => entities[sign] ?? '')
}

function oneLine(text: string): string {
  return hidden(text).replace(/[\r\n]+/g, ' ')
}

function escaped(text: string): string {
  return apart(text)
    .replace(/[\\`*_{}[\]~]/g, '\\$&')
    .replace(/[&<>]/g, sign => entities[sign] ?? '')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

// GitHub finds mentions and issue numbers after it has resolved entities and escapes, so only a character in between helps.
function apart(text: string): string {
  return text.replace(/@(?=\w)|#(?=\d)/g, sign => `${sign}\u200b`)
}
