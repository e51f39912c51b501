import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parseKeep } from '../../src/inputs/keep.ts'
import { orders, parseCollected } from '../../src/retention/collected.ts'
import { parseInventory } from '../../src/retention/inventory.ts'
import { planRetention } from '../../src/retention/retention.ts'
import { day, Images } from './images.ts'

let images: Images
beforeEach(() => {
  images = new Images()
})
afterEach(() => images.remove())

const old = { age: 100 * day }
const inventory = (grace = day) => parseInventory(images.run('look', { grace }).stdout)
const keep = (text: string) =>
  parseKeep(text, message => {
    throw new Error(message)
  })
const plan = (text: string, grace = day) => orders(planRetention(keep(text), inventory(grace), grace))
const collect = (stdin = '', grace = day) => parseCollected(images.run('collect', { stdin, grace }).stdout)

describe('look', () => {
  test('tells tags, manifests and blobs', () => {
    const digest = images.push('team/app', '1.0', ['one', 'two'], { age: 3 * day, asked: 2 * day })
    const { repositories, blobs, manifests, aside } = inventory()
    expect(repositories).toEqual([
      {
        name: 'team/app',
        tags: [
          {
            name: '1.0',
            manifest: expect.any(Number),
            pushed: images.now - 3 * day,
            asked: images.now - 2 * day,
          },
        ],
        revisions: [
          {
            manifest: expect.any(Number),
            pushed: images.now - 3 * day,
            asked: images.now - 2 * day,
            left: 0,
          },
        ],
      },
    ])
    const number = repositories[0]?.tags[0]?.manifest ?? -1
    expect(blobs[number]).toMatchObject({ digest, fresh: false })
    expect(manifests.get(number)?.refers.map(each => blobs[each]?.bytes)).toEqual([3, 3])
    expect(aside).toBe(0)
  })

  test('a layer that was asked for a day ago may belong to a push that is under way', () => {
    images.push('a', '1', ['pushed'], { age: 3 * day })
    images.push('a', '2', ['asked'], { age: 3 * day, asked: day })
    images.push('a', '3', ['new'])
    const fresh = Object.fromEntries(inventory().blobs.map(({ bytes, fresh }) => [bytes, fresh]))
    expect(fresh).toMatchObject({ 6: false, 5: true, 3: true })
  })

  test('a tag that moved on tells when', () => {
    const first = images.push('a', 'latest', ['first'], { age: 90 * day })
    const second = images.push('a', 'latest', ['second'], { age: 60 * day })
    images.push('a', 'latest', ['third'], { age: 2 * day })
    images.tag('a', '2', second, { age: 50 * day })
    const { blobs, repositories } = inventory()
    const left = (digest: string) =>
      repositories[0]?.revisions.find(({ manifest }) => blobs[manifest]?.digest === digest)?.left
    expect([left(first), left(second)]).toEqual([images.now - 60 * day, images.now - 2 * day])
  })

  test('what refers to something that is gone is told', () => {
    const gone = `sha256:${'0'.repeat(64)}`
    images.list('a', '1', [gone])
    const { blobs, manifests, repositories } = inventory()
    const number = blobs.findIndex(({ digest }) => digest === gone)
    expect(blobs[number]).toEqual({ digest: gone, bytes: -1, fresh: false, large: false })
    expect(manifests.get(repositories[0]?.tags[0]?.manifest ?? -1)?.refers).toEqual([number])
  })

  test('a subject is told apart from what an image needs, whatever stands around it', () => {
    const digest = images.push('a', '1', ['layer'])
    const signature = images.push('a', undefined, ['signature'], { subject: digest })
    const { manifests, blobs } = inventory()
    const number = (digest: string) => blobs.findIndex(each => each.digest === digest)
    expect(manifests.get(number(signature))).toMatchObject({ subject: number(digest) })
    expect(manifests.get(number(signature))?.refers).not.toContain(number(digest))
  })

  test('an empty registry has nothing, and nothing is written', () => {
    expect(inventory()).toMatchObject({ repositories: [], blobs: [] })
    expect(readdirSync(images.data)).toEqual([])
  })
})

describe('collect', () => {
  test('sets aside what was planned, and all that only this needed', () => {
    images.push('team/app', 'old', ['shared', 'only old'], old)
    images.push('team/app', 'new', ['shared', 'only new'], { age: 3 * day })
    const done = collect(plan('team/**: { last: 1 }'))
    expect(images.tags('team/app')).toEqual(['new'])
    expect([images.has('only old'), images.has('shared'), images.has('only new')]).toEqual([
      false,
      true,
      true,
    ])
    expect(done.moved).toBeGreaterThan('only old'.length)
    expect(images.broken()).toEqual([])
  })

  test('an image whose time a restore has lost goes as any other', () => {
    images.push('a', 'old', ['only old'], { age: images.now })
    images.push('a', 'new', ['only new'], { age: 3 * day })
    collect(plan('a: { last: 1 }'))
    expect([images.tags('a'), images.has('only old'), images.has('only new')]).toEqual([['new'], false, true])
  })

  test('garbage goes without a plan, and what is fresh stays', () => {
    images.push('a', '1', ['stays'], old)
    images.blob('garbage', old)
    images.blob('upload of a push that is under way')
    collect()
    expect([images.has('garbage'), images.has('upload of a push that is under way')]).toEqual([false, true])
  })

  test('what is aside is deleted by a later run, and until then it comes back', () => {
    images.push('a', '1', ['first'], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    collect(plan('a: { last: 1 }'))
    expect(parseCollected(images.run('undo').stdout).restored).toMatchObject({ tags: ['a:1'] })
    expect([images.tags('a'), images.broken()]).toEqual([['1', '2'], []])

    collect(plan('a: { last: 1 }'))
    images.ageAside(2 * day)
    expect(collect().freed).toBeGreaterThan(0)
    expect(images.run('undo').stdout).toBe('nothing\n')
    expect(images.tags('a')).toEqual(['2'])
  })

  test('a tag that was pushed again after the plan stays', () => {
    images.push('a', '1', ['first'], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    const orders = plan('a: { last: 1 }')
    images.push('a', '1', ['first'], { age: 5 })
    expect(collect(orders).changed).toEqual([{ repository: 'a', tag: '1' }])
    expect([images.tags('a'), images.broken()]).toEqual([['1', '2'], []])
  })

  test('a manifest that somebody tagged after the plan stays', () => {
    images.push('a', '1', ['first'], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    const orders = plan('a: { last: 1 }')
    images.push('a', '3', ['first'], { age: 4 })
    collect(orders)
    expect([images.tags('a'), images.broken()]).toEqual([['2', '3'], []])
  })

  test('a child that a list in another repository needs stays', () => {
    const child = images.push('a', undefined, ['shared child'], old)
    images.list('a', '1', [child], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    images.push('b', undefined, ['shared child'], old)
    images.list('b', '1', [child], { age: 50 * day })
    collect(plan('a: { last: 1 }'))
    expect(images.tags('a')).toEqual(['2'])
    expect(images.broken()).toEqual([])
  })

  test('what a push counted on while it was set aside is put back by the next run', () => {
    const first = images.push('a', '1', ['first'], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    collect(plan('a: { last: 1 }'))
    images.tag('a', '3', first)
    expect(images.broken()).not.toEqual([])
    collect()
    expect([images.tags('a'), images.broken()]).toEqual([['2', '3'], []])
  })

  test('a repository without anything leaves the catalog', () => {
    images.push('gone/app', '1', ['x'], old)
    collect(plan('gone/**: { empty: true, last: 0 }'))
    collect('', 0)
    expect(existsSync(join(images.root, 'repositories/gone'))).toBe(false)
  })

  test('a tag keeps its image, even if a crash took the link of its manifest', () => {
    images.push('a', '1', ['x'], old)
    rmSync(join(images.root, 'repositories/a/_manifests/revisions'), { recursive: true })
    collect()
    expect(images.has('x')).toBe(true)
  })

  test('words of a plan lead nowhere else', () => {
    images.push('a', '1', ['x'], old)
    writeFileSync(join(images.data, 'secret'), '')
    collect(
      `tag ../../../.. secret sha256:${'0'.repeat(64)} 1\nmanifest ../../../../x sha256:${'0'.repeat(64)} 1\n`,
    )
    expect(existsSync(join(images.data, 'secret'))).toBe(true)
    expect(images.broken()).toEqual([])
  })
})

test.each(['team/app', 'team/revisions/app', 'team/tags/app', 'tags/blobs', 'a/layers/index'])(
  'what goes from %s comes back whole',
  repository => {
    images.push(repository, '1', ['first'], old)
    images.push(repository, '2', ['second'], { age: 3 * day })
    collect(plan("'**': { last: 1 }"))
    expect(images.has('first')).toBe(false)
    expect(parseCollected(images.run('undo').stdout).restored.tags).toEqual([`${repository}:1`])
    expect([images.tags(repository), images.broken()]).toEqual([['1', '2'], []])
  },
)

test('what can’t be put back stays aside, though a folder of its name is there', () => {
  const digest = images.push('a', '1', ['first'], old)
  images.push('a', '2', ['second'], { age: 3 * day })
  collect(plan('a: { last: 1 }'))
  const index = join(images.root, 'repositories/a/_manifests/tags/1/index', digest.replace(':', '/'))
  mkdirSync(index, { recursive: true })
  expect(images.run('undo').stdout).toMatch(/^error can't put back repositories\/a\/_manifests\/tags\/1$/m)
  rmSync(join(images.root, 'repositories/a/_manifests/tags/1'), { recursive: true })
  images.run('undo')
  expect([images.tags('a'), images.broken()]).toEqual([['1', '2'], []])
})

describe('manifests that somebody made up', () => {
  test.each([
    ['a subject without end in a string', `{"a":"${'\\u0022subject\\u0022:{'.repeat(20_000)}"}`],
    ['what looks like a digest, and is longer than names may be', `{"manifests":["a:${'f'.repeat(300)}"]}`],
    ['a list', '["sha256:00"]'],
    ['a number', '1e999'],
    ['nothing', 'null'],
    ['a subject that is none', '{"subject":{"digest":["x"]}}'],
    ['brackets in brackets', `{"subject":${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}}`],
  ])('do no harm: %s', (_, text) => {
    images.push('a', '1', ['layer'], old)
    images.tag('b', '1', images.blob(text, old), old)
    const { repositories, manifests } = inventory()
    expect(repositories.map(({ name }) => name)).toEqual(['a', 'b'])
    expect([...manifests.values()].map(({ subject }) => subject)).toEqual([undefined, undefined])
    collect()
    expect(images.has('layer')).toBe(true)
  })
})

describe('dangers', () => {
  /** Two images of which a rule takes the first. */
  const two = () => {
    const first = images.push('a', '1', ['first'], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    return first
  }

  test('a layer that is mounted from a repository whose link is set aside meanwhile', () => {
    two()
    const layer = images.blob('first', old)
    const orders = plan('a: { last: 1 }')
    // Between the marking and the end of it another repository gets its link, as the registry answers 201.
    const link = join(images.root, 'repositories/b/_layers', layer.replace(':', '/'))
    writeFileSync(join(images.data, 'link'), layer)
    images.run('collect', {
      stdin: orders,
      pausing: `system('mkdir', '-p', '${link}'); system('cp', '${join(images.data, 'link')}', '${link}/link')`,
    })
    expect(images.has('first')).toBe(true)
  })

  test('a layer that a push asked for, and that is in no image yet', () => {
    const first = two()
    const orders = plan('a: { last: 1 }')
    images.touch('a', 'first')
    collect(orders)
    expect(images.has('first')).toBe(true)
    images.tag('a', '3', first)
    collect()
    expect(images.broken()).toEqual([])
  })

  test('an image that somebody began to pull between the plan and now', () => {
    const first = two()
    const orders = plan('a: { last: 1 }')
    images.touch('a', first)
    collect(orders)
    expect([images.tags('a'), images.missing('a', first)]).toEqual([['2'], []])
  })

  describe('an image that is pushed again by its digest while it goes', () => {
    /** One that is planned to go, and the Perl code by which the registry writes its link again. */
    const going = () => {
      images.push('a', '1', ['stays'], { age: 3 * day })
      const digest = images.push('a', undefined, ['again'], old)
      return {
        digest,
        stdin: plan('a: { last: 1 }'),
        push: `utime undef, undef, '${images.revision('a', digest)}'`,
      }
    }

    test('while the manifests are read', () => {
      const { digest, stdin, push } = going()
      images.run('collect', {
        stdin,
        reading: `${push} if $path =~ m{blobs/} && glob '${images.data}/aside/*/plan'`,
      })
      expect(images.missing('a', digest)).toEqual([])
      // Its layers were not even away for a moment.
      expect(images.run('undo').stdout).toBe('nothing\n')
    })

    test('at the very moment', () => {
      const { digest, stdin, push } = going()
      images.run('collect', { stdin, renaming: `${push} if $path =~ /revisions/` })
      expect(images.missing('a', digest)).toEqual([])
    })

    test('by a registry that had the file open', () => {
      const { digest, stdin } = going()
      images.run('collect', { stdin, pausing: `utime undef, undef, glob '${aside(digest)}'` })
      expect(images.missing('a', digest)).toEqual([])
    })

    test('in a run that is killed', () => {
      const { digest, stdin, push } = going()
      // The second is of a layer.
      images.run('collect', { stdin, renaming: `${push} if $path =~ /revisions/`, renames: 1 })
      expect(images.missing('a', digest)).not.toEqual([])
      collect()
      expect(images.missing('a', digest)).toEqual([])
    })

    const aside = (digest: string) =>
      images
        .revision('a', digest)
        .replace(images.data, `${images.data}/aside/*`)
        .replace('docker/registry/v2/', '')
  })

  test('an index of images that were pushed long before the grace, named while they were set aside', () => {
    two()
    const child = images.push('a', undefined, ['child'], old)
    collect(plan('a: { last: 1 }'))
    expect(images.missing('a', child)).not.toEqual([])
    images.list('a', 'list', [child])
    collect(plan('a: { last: 2 }'))
    expect([images.tags('a'), images.broken()]).toEqual([['2', 'list'], []])
  })

  test('an upload that failed, and left an empty folder where a layer that is aside belongs', () => {
    two()
    const layer = images.blob('first', old)
    collect(plan('a: { last: 1 }'))
    mkdirSync(join(images.root, `blobs/sha256/${layer.slice(7, 9)}/${layer.slice(7)}`))
    images.run('undo')
    expect([images.tags('a'), images.broken()]).toEqual([['1', '2'], []])
  })

  test('a disk that is full: what can’t be put back stays aside', () => {
    two()
    collect(plan('a: { last: 1 }'))
    // As a folder that can’t be made: nothing may be in the place of one.
    rmSync(join(images.root, 'repositories/a/_manifests/tags'), { recursive: true })
    writeFileSync(join(images.root, 'repositories/a/_manifests/tags'), '')
    expect(images.run('undo').stdout).toMatch(/error can't make .*tags/)
    rmSync(join(images.root, 'repositories/a/_manifests/tags'))
    images.run('undo')
    expect([images.tags('a'), images.broken()]).toEqual([['1'], []])
  })

  test('a request that began before something was set aside, and ended while all of it was to be deleted', () => {
    const first = two()
    collect(plan('a: { last: 1 }'))
    const revision = join(images.root, 'repositories/a/_manifests/revisions', first.replace(':', '/'))
    const tag = join(images.root, 'repositories/a/_manifests/tags/3/current')
    writeFileSync(join(images.data, 'link'), first)
    images.run('free', {
      pausing: `for ('${revision}', '${tag}') { system('mkdir', '-p', $_); system('cp', '${join(images.data, 'link')}', "$_/link") }`,
    })
    expect([images.tags('a'), images.broken()]).toEqual([['2', '3'], []])
  })

  test('a clock that jumps between the plan and now', () => {
    two()
    images.blob('upload of a push that is under way')
    const stdin = plan('a: { last: 1 }')
    for (const ahead of [3 * day, -3 * day])
      expect(() => parseCollected(images.run('collect', { stdin, ahead }).stdout)).toThrow(
        /the clock has jumped by -?4\d\d\d minutes since it was looked at; fix that/,
      )
    expect([images.tags('a'), images.has('upload of a push that is under way')]).toEqual([['1', '2'], true])
  })

  test('a clock that was ahead when something was set aside: it does not stay until then', () => {
    two()
    images.run('collect', { stdin: plan('a: { last: 1 }').replace(/^planned.*\n/, ''), ahead: 3000 * day })
    collect()
    expect(parseCollected(images.run('collect', { ahead: 2 * day }).stdout).freed).toBeGreaterThan(0)
    expect(images.broken()).toEqual([])
  })

  test('a disk that is not there: its images are no garbage', () => {
    two()
    const repositories = join(images.root, 'repositories')
    renameSync(join(repositories, 'a'), join(images.data, 'elsewhere'))
    collect()
    expect(images.has('first')).toBe(true)
    symlinkSync(join(images.data, 'missing'), join(repositories, 'a'))
    expect(() => collect()).toThrow(/repositories\/a leads nowhere; is its disk mounted\?; fix that/)
    rmSync(join(repositories, 'a'))
    symlinkSync(join(images.data, 'elsewhere'), join(repositories, 'a'))
    collect()
    expect(images.broken()).toEqual([])
  })
})

describe('killed at any point, the next run ends it', () => {
  test('nothing that is kept is ever lost', () => {
    let points = 0
    for (let renames = 0; ; renames++) {
      images.remove()
      images = new Images()
      const child = images.push('team/app', undefined, ['shared', 'amd64'], old)
      images.list('team/app', 'list', [child], old)
      images.push('team/app', 'old', ['shared', 'only old'], old)
      images.push('team/app', 'new', ['shared', 'only new'], { age: 3 * day })
      images.push('other', 'stays', ['shared', 'amd64'], old)
      const stdin = plan('team/**: { last: 1 }')
      const { killed } = images.run('collect', { stdin, renames })
      expect({ renames, broken: images.broken().filter(each => !/team\/app:(list|old)/.test(each)) }).toEqual(
        { renames, broken: [] },
      )
      // Somebody pushes again what was going.
      if (renames % 2 === 1) images.push('team/app', 'again', ['shared', 'only old'], { age: 2 })
      collect(plan('team/**: { last: 2 }'))
      expect({ renames, broken: images.broken() }).toEqual({ renames, broken: [] })
      expect(images.tags('other')).toEqual(['stays'])
      expect(images.tags('team/app')).toContain('new')
      if (!killed) break
      points += 1
    }
    expect(points).toBeGreaterThan(6)
  })

  test('a run that was killed can be undone', () => {
    images.push('a', '1', ['first'], old)
    images.push('a', '2', ['second'], { age: 3 * day })
    images.run('collect', { stdin: plan('a: { last: 1 }'), renames: 2 })
    images.run('undo')
    expect([images.tags('a'), images.broken()]).toEqual([['1', '2'], []])
  })
})

test('free deletes what is aside, but for what is wanted after all', () => {
  images.push('a', '1', ['first'], old)
  images.push('a', '2', ['second'], { age: 3 * day })
  images.run('collect', { stdin: plan('a: { last: 1 }'), renames: 5 })
  expect(parseCollected(`${images.run('free').stdout}restored 0\n`).freed).toBeGreaterThan(0)
  expect(images.broken()).toEqual([])
})
