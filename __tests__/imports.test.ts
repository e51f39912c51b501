import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..')
const src = join(root, 'src')

/** From what starts a run down to what nothing of ours is below, as docs/inside.md tells readers. */
const folders = [...readFileSync(join(root, 'docs/inside.md'), 'utf8').matchAll(/^\| `(\w+)\/` \|/gm)].map(
  ([, name = '']) => name,
)
const entries = ['main.ts', 'action.ts', 'post.ts']

test('docs/inside.md names every folder of src', () => {
  const there = readdirSync(src, { withFileTypes: true }).filter(each => each.isDirectory())
  expect(there.map(({ name }) => name).sort()).toEqual([...folders].sort())
})

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))

test.each(files)('src/%s imports only what is below it', path => {
  const text = readFileSync(join(src, path), 'utf8')
  const imported = [...text.matchAll(/(?:\bfrom |\bimport |\bimport\([^']*)'(\.[^']+)'/g)].map(
    ([, to = '']) => relative(src, join(src, dirname(path), to)),
  )
  expect(imported.filter(to => level(to) < level(path))).toEqual([])
})

/** 0 is where a run starts; what every folder may use is below all of them. */
function level(path: string): number {
  if (entries.includes(path)) return 0
  const [folder = '', file] = path.split('/')
  return file === undefined ? folders.length + 1 : folders.indexOf(folder) + 1
}
