import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { sh } from '../../library.ts'
import { Programs } from '../../programs.ts'

let programs: Programs
let directory: string
let volume: string

beforeEach(() => {
  programs = new Programs()
  directory = programs.file('berth')
  volume = programs.file('volume')
  mkdirSync(directory)
  mkdirSync(join(volume, 'docker/registry/v2'), { recursive: true })
  writeFileSync(join(volume, 'docker/registry/v2/blob'), 'layer')
  // As Docker makes a volume: anybody may look into it.
  chmodSync(volume, 0o755)
  docker({})
})

afterEach(() => programs.remove())

/** An engine with these containers, which runs as what their `user` says, and writes down what it is told to do. */
function docker({ user = '', mounted = true, env = '' }): void {
  programs.add(
    'docker',
    `
echo "$*" >>"$here/asked"
case "$*" in
"ps --all --quiet") echo 1; echo 2 ;;
*"{{json .Config}}"*) cat "$here/containers" ;;
*Mounts*) ${mounted ? `echo '${volume}'` : 'echo'} ;;
*Config.User*) echo '${user}' ;;
*Config.Env*) echo 'PATH=/bin'; echo '${env}' ;;
"cp reg:/etc"*) exit 1 ;;
"cp "*) cp -a '${volume}/.' "$3" ;;
esac`,
  )
  containers('/reg true {"Image":"registry:2","Volumes":{"/var/lib/registry":{}}}')
}

const containers = (...lines: string[]) => writeFileSync(programs.file('containers'), `${lines.join('\n')}\n`)
const asked = () => readFileSync(programs.file('asked'), 'utf8')

/** Lines with what the scripts of a server have in common; programs of this test are found first. */
const run = (lines: string) =>
  sh(
    ['server/protocol', 'server/facts', 'server/apply', 'resources/registry/adoption'],
    `PATH='${programs.folder}':$PATH
engine_up() { :; }
${lines}`,
  )

describe('what there is to adopt', () => {
  const look = (wanted = '') => run(`adoption_probe '${directory}' '${wanted}'`).stdout

  const registry = '{"Image":"mine:1","Volumes":{"/var/lib/registry":{}}}'

  test.each([
    ['one that runs, whatever its image is called', [`/reg true ${registry}`], '', 'reg '],
    ['nothing else', ['/db true {"Image":"postgres"}'], '', ''],
    [
      'one that runs, before one that does not',
      [`/old false ${registry}`, `/reg true ${registry}`],
      'yes',
      'reg ',
    ],
    ['none that has stopped', [`/old false ${registry}`], '', ''],
    ['one that a run has stopped which was cut off', [`/old false ${registry}`], 'yes', 'old '],
    ['none that was adopted before', [`/old-before-berth true ${registry}`], 'yes', ''],
    [
      'none of Berth’s own',
      ['/b true {"Labels":{"berth.domain":"x"},"Volumes":{"/var/lib/registry":{}}}'],
      'yes',
      '',
    ],
  ])('%s', (_, lines, wanted, expected) => {
    containers(...lines)
    expect(look(wanted)).toBe(`berth:registry.predecessors=${expected}\n`)
  })

  test('nothing, and Docker is not asked, while there is a registry of Berth’s', () => {
    writeFileSync(join(directory, 'registry.sock'), '')
    expect(look('yes')).toBe('berth:registry.predecessors=\n')
    expect(existsSync(programs.file('asked'))).toBe(false)
  })
})

describe('its images', () => {
  const take = () => run(`set -e; images_over reg '${directory}'`)
  const data = () => join(directory, 'data')
  const inode = (folder: string) => statSync(join(folder, 'docker/registry/v2/blob')).ino

  test('are linked, which takes no space, into a folder that only the registry may enter', () => {
    expect(take()).toMatchObject({ code: 0 })
    expect((statSync(data()).mode & 0o7777).toString(8)).toBe('700')
    expect(inode(data())).toBe(inode(volume))
    // And the old ones are as they were.
    expect((statSync(volume).mode & 0o7777).toString(8)).toBe('755')
    expect(readdirSync(directory)).toEqual(['adopting', 'data'])
  })

  test.each(['0:0', 'root', '0'])('are linked if the registry was %s', user => {
    docker({ user })
    take()
    expect(inode(data())).toBe(inode(volume))
  })

  test('are copied if it was not root, since a link has the owner of its file', () => {
    docker({ user: '1000:1000' })
    expect(take()).toMatchObject({ code: 0 })
    expect(inode(data())).not.toBe(inode(volume))
    expect((statSync(data()).mode & 0o7777).toString(8)).toBe('700')
  })

  test('are taken out of a container without a volume, from where its settings put them', () => {
    docker({ mounted: false, env: 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/images' })
    expect(take()).toMatchObject({ code: 0 })
    expect(asked()).toContain(`cp reg:/images/. ${data()}.berth-new\n`)
    expect(existsSync(join(data(), 'docker/registry/v2/blob'))).toBe(true)
    expect((statSync(data()).mode & 0o7777).toString(8)).toBe('700')
  })

  test('never take the place of others', () => {
    mkdirSync(data())
    writeFileSync(join(data(), 'mine'), '')
    const { code, stdout } = take()
    expect(code).not.toBe(0)
    expect(stdout).toContain(`${data()} holds images already; move it away`)
    expect(readdirSync(data())).toEqual(['mine'])
  })

  test('replace what a run has left that was cut off', () => {
    mkdirSync(join(directory, 'data.berth-new'))
    writeFileSync(join(directory, 'data.berth-new/half'), '')
    expect(take()).toMatchObject({ code: 0 })
    expect(readdirSync(data())).toEqual(['docker'])
  })
})

describe('the old container', () => {
  const adopt = (up: string) =>
    run(`registry_up() { ${up}; }\nfolder() { :; }\nregistry_adopt '${directory}'`)

  test('stays, stopped and under another name', () => {
    expect(adopt(':').code).toBe(0)
    expect(asked()).toMatch(/^stop reg\n.*^update --restart no reg\nrename reg reg-before-berth\n$/ms)
  })

  test('keeps its images for the next try if the new registry does not start', () => {
    expect(adopt('return 1').code).not.toBe(0)
    expect(readdirSync(directory)).toEqual([])
    expect(existsSync(join(volume, 'docker/registry/v2/blob'))).toBe(true)
    expect(adopt('rm "$1/adopting"').code).toBe(0)
    expect(readdirSync(directory)).toEqual(['data'])
  })

  test('is copied again if the run that had copied it was cut off', () => {
    mkdirSync(join(directory, 'data'))
    writeFileSync(join(directory, 'data/half'), '')
    writeFileSync(join(directory, 'adopting'), '')
    expect(adopt('rm "$1/adopting"').code).toBe(0)
    expect(readdirSync(join(directory, 'data'))).toEqual(['docker'])
  })

  test('serves again if the new registry does not start', () => {
    expect(adopt('return 1').code).not.toBe(0)
    expect(asked()).toMatch(/^stop reg\n.*^start reg\n$/ms)
    expect(asked()).not.toContain('rename')
  })
})
