import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..')

const list = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter(path => /\.\w+$/.test(path))

const sources = list('src')
const tests = list('__tests__').filter(path => /^(?!e2e\/|lint\/).*\.test\.ts$/.test(path))

/** Where a source of another name is tried, and why not under its own. */
const elsewhere: Readonly<Record<string, string>> = {
  'resources/page/index.html': 'resources/page/page.test.ts', // What is in it is page.js’s.
  'bucket/check.py': 'e2e/store.test.ts', // It takes a storage to say whether what is asked is right.
  'publish/archive.ts': 'publish/sources.test.ts', // It is how the sources that are archives are read.
  'converge/listener.ts': 'report/log.test.ts', // A type, and the log is what has it.
  'report/table.ts': 'report/summary.test.ts', // It is what a summary is made of.
  'resources/site/inherited.ts': 'e2e/faults/inherited.test.ts', // It is nginx that has the list.
  'resources/registry/folder.ts': 'resources/registry/registry.test.ts', // What is wrong with one is the registry’s to say.
  'retention/graph.ts': 'retention/retention.test.ts', // A plan is what is read from it.
  'resources/site/nginx.ts': 'resources/site/site.test.ts', // It is the text of the site.
  'resources/site/reload.sh': 'resources/renewal/hook.test.ts', // A part of the hook.
  'resources/names.ts': 'resources/site/site.test.ts', // Names that the others use.
}

/** Tests of what is not in `src/`. */
const others = ['docs.test.ts', 'faults.test.ts', 'imports.test.ts', 'mirror.test.ts']

test.each(sources)('src/%s has its test', path => {
  // One for both halves of what has a half in TypeScript and one in shell.
  const own = path.replace(/\.\w+$/, '.test.ts')
  expect(existsSync(join(root, '__tests__', elsewhere[path] ?? own))).toBe(true)
})

/** Those that run on a server or in a browser, and are not imported. */
const programs = sources.filter(path => /\.(sh|pl|py|js)$/.test(path))

// A test of the same name may be for the half in TypeScript alone, or load it with the help of a file beside it.
test.each(programs)('src/%s is loaded by its test', path => {
  const other = elsewhere[path]
  if (other?.startsWith('e2e/')) return
  const near =
    other === undefined ? list('__tests__').filter(each => dirname(each) === dirname(path)) : [other]
  expect(near.filter(each => names(each, path))).not.toEqual([])
})

/** Whether a test names a program: by its path, or as `library` calls it. */
function names(each: string, path: string): boolean {
  const text = readFileSync(join(root, '__tests__', each), 'utf8')
  return text.includes(`${path}'`) || text.includes(`'${path.replace(/\.sh$/, '')}'`)
}

test.each(tests.filter(path => !others.includes(path)))('__tests__/%s has its source', path => {
  const name = path.replace(/\.test\.ts$/, '')
  expect(sources.filter(source => source.replace(/\.\w+$/, '') === name)).not.toEqual([])
})

test('what is tried elsewhere is there, and has no test of its own', () => {
  for (const path of Object.keys(elsewhere)) {
    expect(sources).toContain(path)
    expect(tests).not.toContain(path.replace(/\.\w+$/, '.test.ts'))
  }
})
