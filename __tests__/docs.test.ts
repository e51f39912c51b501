import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { anchor } from '../src/report/help.ts'
import { resources } from '../src/resources/resources.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pages = files('*.md')
const known = Object.keys(parse(read('action.yml')).inputs)

test.each(pages)('%s links to nothing that is not there', page => {
  const broken = links(read(page)).filter(link => !isThere(page, link))
  expect(broken).toEqual([])
})

describe('Berth is given no input that it does not have', () => {
  test.each(pages.filter(page => /^(README|docs\/)/.test(page)))('%s', page => {
    for (const [, yaml = ''] of read(page).matchAll(/^```yaml\n(.*?)^```/gms)) {
      expect(inputs(parse(yaml)).filter(name => !known.includes(name))).toEqual([])
    }
  })

  test.each(files('examples/*.yml'))('%s', example => {
    const given = inputs(parse(read(example)))
    expect(given).toContain('domain')
    expect(given.filter(name => !known.includes(name))).toEqual([])
  })
})

test('README links to every example and every page', () => {
  const readme = links(read('README.md')).map(link => link.replace(/#.*/, ''))
  expect(readme).toEqual(expect.arrayContaining([...files('examples/*.yml'), ...files('docs/*.md')]))
})

test('docs/inside.md has a row for each resource, in the order of the steps', () => {
  const [, table = ''] = /^\| resource \|.*\n\|[ -|]*\n((?:\|.*\n)*)/m.exec(read('docs/inside.md')) ?? []
  const rows = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  expect(rows).toEqual(resources.map(({ name }) => name))
})

function files(pattern: string): string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '--', pattern]
  return execFileSync('git', list, { cwd: root })
    .toString()
    .split('\n')
    .filter(path => path !== '' && !path.startsWith('dist/'))
    .filter(path => existsSync(join(root, path)))
}

/** All that a page refers to in this repository. What is code is no link. */
function links(text: string): string[] {
  const prose = text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, '')
  const found = [...prose.matchAll(/\]\(([^()\s]+)\)|\b(?:src|srcset|href)="([^"]+)"/g)]
  return found.map(([, link, source]) => link ?? source ?? '').filter(link => !/^(https?|mailto):/.test(link))
}

function isThere(page: string, link: string): boolean {
  const [path = '', place] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(join(root, target))) return false
  return place === undefined || anchors(read(target)).includes(place)
}

function anchors(text: string): string[] {
  const prose = text.replace(/^```.*?^```/gms, '')
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading))
}

/** The names of all inputs that a workflow, or a part of one, gives to Berth. */
function inputs(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(inputs)
  if (typeof value !== 'object' || value === null) return []
  const { uses, with: given, ...others } = value as Record<string, unknown>
  const own = typeof uses === 'string' && !/(^|\/)berth@/.test(uses) ? [] : Object.keys(given ?? {})
  return [...own, ...inputs(Object.values(others))]
}
