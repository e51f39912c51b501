import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { distrust, isTrustFile, trust, trustFile } from '../../src/runner/trust.ts'
import { Programs } from '../programs.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

describe('a private authority', () => {
  test('is trusted for one registry, by a file that tells jobs apart', () => {
    expect(trustFile('r.example.com', 'berth-1', false)).toBe('/etc/docker/certs.d/r.example.com/berth-1.crt')
    const before = process.env.XDG_CONFIG_HOME
    process.env.XDG_CONFIG_HOME = '/home/me/.cfg'
    expect(trustFile('r.example.com', 'berth-1', true)).toBe(
      '/home/me/.cfg/docker/certs.d/r.example.com/berth-1.crt',
    )
    if (before === undefined) delete process.env.XDG_CONFIG_HOME
    else process.env.XDG_CONFIG_HOME = before
  })

  test('comes and goes, and takes nothing of anybody else’s along', async () => {
    const folder = programs.file('certs.d/r.example.com')
    const file = join(folder, 'berth-1.crt')
    const source = programs.file('ca.crt')
    writeFileSync(source, 'PEM\n')
    await trust(file, source)
    expect(readFileSync(file, 'utf8')).toBe('PEM\n')
    writeFileSync(join(folder, 'ca.crt'), 'another')
    await distrust(file)
    expect(existsSync(file)).toBe(false)
    expect(readFileSync(join(folder, 'ca.crt'), 'utf8')).toBe('another')
    const alone = programs.file('certs.d/other.example.com/berth-1.crt')
    await trust(alone, source)
    await distrust(alone)
    expect(existsSync(join(alone, '..'))).toBe(false)
    expect(statSync(programs.file('certs.d')).isDirectory()).toBe(true)
  })

  test('that can’t be told to the engine is a failure with its topic', async () => {
    writeFileSync(programs.file('file'), '')
    await expect(trust(programs.file('file/r.example.com/x.crt'), '/etc/hostname')).rejects.toMatchObject({
      topic: 'trust',
      message: expect.stringContaining('can’t be told to trust `ca`'),
    })
  })
})

// The post step is told of a file, and removes it as root.
test.each([
  ['/etc/docker/certs.d/r.example.com/berth-0badcafe.crt', true],
  ['/etc/docker/certs.d/r.example.com/ca.crt', false],
  ['/etc/docker/certs.d/../berth-0badcafe.crt', false],
  ['/etc/docker/certs.d/a/b/berth-0badcafe.crt', false],
  ['/etc/certs.d/r.example.com/berth-0badcafe.crt', false],
  ['', false],
])('%j is a file of ours: %s', (file, ours) => {
  expect(isTrustFile(file)).toBe(ours)
})
