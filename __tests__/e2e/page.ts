import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The shell commands below a heading of a page in docs/, a text for each block, for the lab’s domain. */
export function commands(page: string, heading: string, domain: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs', page), 'utf8')
  const [, below = ''] = text.split(`## ${heading}\n`)
  const [section = ''] = below.split('\n## ')
  return [...section.matchAll(/^( *)```sh\n(.*?)^\1```/gms)].map(([, , block = '']) =>
    block
      .replaceAll('registry.example.com', domain)
      .replaceAll('registry-example-com', domain.replaceAll('.', '-')),
  )
}
