import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { sh } from '../library.ts'
import { Programs } from '../programs.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

/** Steps as an apply script takes them, without root: what they have said is kept in a folder of the test’s. */
const run = (lines: string) => runLines(lines, '-e')

const runLines = (lines: string, errexit: string) =>
  sh(
    ['server/apply', 'server/protocol'],
    `here='${programs.folder}' words='${programs.folder}' begun= DISKS=/
OWN=$(id -un):$(id -gn)
set ${errexit}
${lines}`,
  )

describe('a file', () => {
  const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8)

  test('is there with its content and its mode, whatever was there', () => {
    const path = programs.file('file')
    writeFileSync(path, 'a longer text than the new one', { mode: 0o666 })
    expect(run(`put ${path} 0600 'a\nb' "$OWN"`)).toMatchObject({ code: 0 })
    expect(readFileSync(path, 'utf8')).toBe('a\nb')
    expect(mode(path)).toBe('600')
    expect(existsSync(`${path}.berth-new`)).toBe(false)
  })

  test('was never to be read by more than may read it', () => {
    const path = programs.file('file')
    run(`chmod() { stat -c %a "$2" >"$here/before"; command chmod "$@"; }\nput ${path} 0644 secret "$OWN"`)
    expect(readFileSync(programs.file('before'), 'utf8')).toBe('600\n')
  })

  test('is not written through a link that somebody laid', () => {
    const [path, victim] = [programs.file('file'), programs.file('victim')]
    writeFileSync(victim, 'untouched')
    symlinkSync(victim, `${path}.berth-new`)
    symlinkSync(victim, path)
    run(`put ${path} 0600 secret "$OWN"`)
    expect(readFileSync(victim, 'utf8')).toBe('untouched')
    expect(readFileSync(path, 'utf8')).toBe('secret')
  })

  test('is not written through a link that was laid in the very moment before', () => {
    const [path, victim] = [programs.file('file'), programs.file('victim')]
    writeFileSync(victim, 'untouched')
    expect(
      run(`rm() { command rm "$@"; ln -s ${victim} ${path}.berth-new; }\nput ${path} 0600 secret "$OWN"`)
        .code,
    ).toBe(1)
    expect(readFileSync(victim, 'utf8')).toBe('untouched')
    expect(existsSync(path)).toBe(false)
  })

  test.each(['chmod', 'chown', 'sync', 'mv'])('stays as it was when %s fails', program => {
    const path = programs.file('file')
    writeFileSync(path, 'old')
    expect(run(`${program}() { return 1; }\nput ${path} 0600 new "$OWN"`).code).toBe(1)
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(existsSync(`${path}.berth-new`)).toBe(false)
  })

  test('a folder that is there keeps its mode', () => {
    run(
      `folder ${programs.file('new')} 0700; mkdir -m 0750 ${programs.file('old')}; folder ${programs.file('old')} 0700`,
    )
    expect([mode(programs.file('new')), mode(programs.file('old'))]).toEqual(['700', '750'])
  })
})

describe('steps', () => {
  const lines = (text: string) => text.split('\n').filter(line => line !== '')
  // The script itself goes on after errors; only steps don't.
  const run = (text: string) => runLines(text, '+e')

  test('are told as they begin and end, and what they say in between', () => {
    const { code, stdout } = run('one() { echo one; tell say hello >&3; }\nstep 1 one\nstep 2 true')
    expect(code).toBe(0)
    expect(lines(stdout)).toEqual([
      'berth:start=1',
      'berth:say=hello',
      'one',
      'berth:ok=1',
      'berth:start=2',
      'berth:ok=2',
    ])
  })

  test('end with the first error in one, and none follows', () => {
    const { code, stdout } = run('one() { echo before; false; echo after; }\nstep 1 one\nstep 2 true')
    expect(code).toBe(1)
    expect(lines(stdout)).toEqual(['berth:start=1', 'before', 'berth:failed=1'])
  })

  test('at the same time: what goes on is ended, and a failure is told last', () => {
    const { code, stdout } = run('slow() { sleep 0.1; echo slow; }\nbegin 1 false\nstep 2 slow\nstep 3 true')
    expect(code).toBe(1)
    expect(lines(stdout)).toEqual(['berth:start=1', 'berth:start=2', 'slow', 'berth:ok=2', 'berth:failed=1'])
  })

  test('what a program prints is not taken for the script’s own words', () => {
    const { stdout } = run("liar() { echo 'berth:end=ok'; }\nstep 1 liar")
    expect(lines(stdout)).toEqual(['berth:start=1', ' berth:end=ok', 'berth:ok=1'])
  })

  test('can’t read the rest of the script as their input', () => {
    expect(lines(run('step 1 cat').stdout)).toEqual(['berth:start=1', 'berth:ok=1'])
  })

  test.each(['No space left on device', 'sh: 9: printf: I/O error'])('a full disk is told: %s', words => {
    const { stdout } = run(
      `fullest() { echo '0 of 9M are free on /opt'; }\nfull() { echo '${words}'; return 1; }\nstep 1 full`,
    )
    expect(lines(stdout)).toEqual([
      'berth:start=1',
      words,
      'berth:full=0 of 9M are free on /opt',
      'berth:failed=1',
    ])
  })
})

test('the fullest disk is named only if it has next to no room', () => {
  const df = (available: number) =>
    `df() { case $1 in -h) printf 'head\\n0 9M /opt\\n' ;; *) printf 'Avail Mounted\\n${available} /opt\\n9999999 /\\n' ;; esac; }
xargs() { shift; while read -r each; do "$@" "$each"; done; }
fullest`
  expect(run(df(1000)).stdout).toBe('0 of 9M are free on /opt\n')
  expect(run(df(5000)).stdout).toBe('')
})

test('an attempt runs to its first error, and the script goes on', () => {
  expect(
    run('two() { echo one; false; echo two; }\nattempt two\necho "$code"\nattempt true\necho "$code"').stdout,
  ).toBe('one\n1\n0\n')
})

test('facts that have changed since stop the run before its first step', () => {
  const look = `look() { echo noise; fact a 1; }\nsum=$(look | markers | sha256sum | cut -d ' ' -f 1)`
  expect(run(`${look}\nstill "$sum" look\necho on`)).toMatchObject({ code: 0, stdout: 'on\n' })
  expect(run(`${look}\nlook() { fact a 2; }\nstill "$sum" look\necho on`)).toMatchObject({
    code: 1,
    stdout: '\nberth:stale=facts\n',
  })
})
