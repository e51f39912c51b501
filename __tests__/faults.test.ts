import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

const folder = join(import.meta.dirname, 'e2e/faults')
const read = (path: string) => readFileSync(join(folder, path), 'utf8')

/** What the table names: a file of tests, and a test in it or one of its cases. */
const named = [...read('README.md').matchAll(/\[[\w-]+\]\(([\w./-]+\.test\.ts)\): (.*?)(?=<br>| \|$)/gm)].map(
  ([, file = '', name = '']) => ({ file, name }),
)

test('the table names tests', () => {
  expect(named.length).toBeGreaterThan(60)
})

test.each(named)('$file has “$name”', ({ file, name }) => {
  const quoted = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  expect(read(file)).toMatch(new RegExp(`[([]\\s*(['"\`])${quoted}\\1\\s*,`))
})

test('every test of the folder is in the table', () => {
  const tests = readdirSync(folder)
    .filter(file => file.endsWith('.test.ts'))
    .flatMap(file =>
      [...read(file).matchAll(/^ *(?:test|\]|\S+\))(?:\.each.*)?\(\s*'(.*)',/gm)].map(([, name]) => ({
        file,
        name,
      })),
    )
  expect(tests.length).toBeGreaterThan(20)
  for (const each of tests) expect(named).toContainEqual(each)
})
