/** Tables and folded sections of the job summary, in GitHub’s Markdown. */

/** Columns that are aligned to the right. */
const numbers = ['time', 'size', 'stays', 'goes', 'untagged']

/** Cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(name => (numbers.includes(name) ? '---:' : ':---')), ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** A folded section. */
export function details(title: string, text: string): string {
  return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`
}
