import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Lock {
  packages: Record<string, { version?: string; license?: string; dev?: boolean; optional?: boolean }>
}

/** The licence of every package that may be in dist/: what ncc writes lacks those that are part of the first chunk. */
export function licenses(root: string): string {
  const { packages }: Lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages)
    .filter(([folder, { dev, optional }]) => folder !== '' && !dev && !optional)
    .map(([folder, { version, license }]) => {
      const name = folder.replace(/.*node_modules\//, '')
      return `${name} ${version}\n${license}\n${text(join(root, folder))}`
    })
    .join('\n\n')
}

/** Throws if there is none, for a package without a licence may not be passed on. */
function text(folder: string): string {
  const file = readdirSync(folder).find(each => /^licen[cs]e/i.test(each))
  if (file === undefined) throw new Error(`${folder} has no licence`)
  return readFileSync(join(folder, file), 'utf8')
}

if (import.meta.main) process.stdout.write(licenses(join(import.meta.dirname, '..')))
