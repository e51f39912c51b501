import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

interface Entry {
  description: string
  default?: string
}

/** The README's tables of inputs and outputs, from the text of action.yml. */
export function tables(action: string): { inputs: string; outputs: string } {
  const { inputs, outputs }: { inputs: Record<string, Entry>; outputs: Record<string, Entry> } = parse(action)
  const rows = Object.entries(inputs).map(
    ([name, { description, default: value }]) =>
      `| \`${name}\` | ${value ? `\`${short(value)}\`` : ''} | ${cell(description)} |`,
  )
  return {
    inputs: ['| input | default | meaning |', '| --- | --- | --- |', ...rows].join('\n'),
    outputs: [
      '| output | meaning |',
      '| --- | --- |',
      ...Object.entries(outputs).map(([name, { description }]) => `| \`${name}\` | ${cell(description)} |`),
    ].join('\n'),
  }
}

/** A digest would make the column as wide as the page. */
function short(value: string): string {
  return value.replace(/(@sha256:[0-9a-f]{6})[0-9a-f]+/, '$1…')
}

function cell(text: string): string {
  return text.trim().replaceAll('|', '\\|').replaceAll('\n', ' ')
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const { inputs, outputs } = tables(readFileSync(join(root, 'action.yml'), 'utf8'))
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const written = readme
    .replace(/\| input \|.*\n(\|.*\n)*/, () => `${inputs}\n`)
    .replace(/\| output \|.*\n(\|.*\n)*/, () => `${outputs}\n`)
  writeFileSync(join(root, 'README.md'), written)
}
