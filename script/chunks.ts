/**
 * Names the files that ncc cuts a bundle into, and makes them ASCII: script/build calls it with the folder.
 *
 * webpack numbers them by what is in them, so that every change of the sources would rename files that are committed. Each is
 * named by the `webpackChunkName` of the import that wants it, and what several imports share by the first one.
 */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder = 'dist'] = process.argv.slice(2)
const files = () => readdirSync(folder).filter(name => name.endsWith('index.js'))
const text = files()
  .map(name => readFileSync(join(folder, name), 'utf8'))
  .join('')

const names = new Map<string, string>()
const shared: [id: string, name: string][] = []
// `e(/* import() | NAME */ ID)`, or `Promise.all(/* import() | NAME */[ … e(ID), … e(ID)])`, where its own comes last.
for (const [, name = '', ids = ''] of text.matchAll(/import\(\) \| (\S+) \*\/ ?(\d+|\[[^\]]*\])/g)) {
  const all = ids.match(/\d+/g) ?? []
  names.set(all.at(-1) ?? '', name)
  for (const id of all.slice(0, -1)) shared.push([id, `${name}-packages`])
}
for (const [id, name] of shared) if (!names.has(id)) names.set(id, name)

/** Node reads and compiles a file of a megabyte in two thirds of the time if it is ASCII. */
const escaped = (letter: string) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`

for (const name of files()) {
  const [, id = ''] = /^(\d+)\.index\.js$/.exec(name) ?? []
  const path = join(folder, name)
  const named = readFileSync(path, 'utf8')
    .replace(/(require__\.e\((?:\/\*.*?\*\/ )?)(\d+)\)/g, (_, call, each) => `${call}"${names.get(each)}")`)
    .replace(/^(export const ids? = \[?)\d+/gm, `$1"${names.get(id)}"`)
    .replace(/[^\0-\x7f]/g, escaped)
  writeFileSync(path, named)
  if (id === '') continue
  const chunk = names.get(id)
  if (chunk === undefined) throw new Error(`${path} has no name; give its import() a webpackChunkName`)
  renameSync(path, join(folder, `${chunk}.index.js`))
}
