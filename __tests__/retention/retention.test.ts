import { describe, expect, test } from '@jest/globals'
import { parseKeep } from '../../src/inputs/keep.ts'
import { orders } from '../../src/retention/collected.ts'
import type { Inventory } from '../../src/retention/inventory.ts'
import { planRetention } from '../../src/retention/retention.ts'

const day = 24 * 60 * 60
const now = 1_800_000_000

/** A registry as a table: digests are numbered as they are named. */
class Table implements Inventory {
  readonly time = now
  readonly disk = { bytes: 1000, free: 100 }
  readonly aside = 0
  readonly blobs: { digest: string; bytes: number; fresh: boolean; large: boolean }[] = []
  readonly manifests = new Map<number, { refers: number[]; subject: number | undefined; list: boolean }>()
  readonly repositories: Inventory['repositories'][number][] = []
  readonly pulls = new Map<string, number>()
  pullsSince = 0

  blob(name: string, bytes = 10): number {
    const digest = digestOf(name)
    const seen = this.blobs.findIndex(each => each.digest === digest)
    return seen >= 0 ? seen : this.blobs.push({ digest, bytes, fresh: false, large: false }) - 1
  }

  /** An image in a repository; `days` since it was pushed, last asked for, and left by a tag that moved on. */
  image(
    repository: string,
    tags: string[],
    layers: string[],
    {
      days = 100,
      asked = days,
      left = 1e4,
      subject,
      list = false,
    }: { days?: number; asked?: number; left?: number; subject?: string; list?: boolean } = {},
  ): string {
    const name = `${layers.join()}${subject ?? ''}${list}`
    const manifest = this.blob(name)
    this.manifests.set(manifest, {
      refers: layers.map(each => this.blob(each)),
      subject: subject === undefined ? undefined : this.blob(subject),
      list,
    })
    let here = this.repositories.find(each => each.name === repository)
    if (here === undefined) {
      here = { name: repository, tags: [], revisions: [] }
      this.repositories.push(here)
    }
    const times = { manifest, pushed: now - days * day, asked: now - asked * day }
    here.revisions.push({ ...times, left: now - left * day })
    here.tags.push(...tags.map((name, index) => ({ ...times, pushed: times.pushed - index / 10, name })))
    return name
  }
}

function digestOf(name: string): string {
  return `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`
}

const keep = (text: string) =>
  parseKeep(text, message => {
    throw new Error(message)
  })
const plan = (table: Table, text: string) => planRetention(keep(text), table, day)
const goes = (table: Table, text: string) =>
  plan(table, text).repositories.flatMap(({ name, goes }) => goes.map(({ tag }) => `${name}:${tag}`))

function releases(): Table {
  const table = new Table()
  for (const [index, tag] of ['v1', 'v2', 'v3', 'latest', 'v4'].entries())
    table.image('team/app', [tag], ['base', tag], { days: 50 - index * 10 })
  return table
}

describe('a tag stays if any line keeps it', () => {
  test.each([
    ["team/app: { tags: ['v*'] }", ['latest']],
    ['team/app: { tags: [latest, v1] }', ['v4', 'v3', 'v2']],
    ['team/app: { last: 2 }', ['v3', 'v2', 'v1']],
    ['team/app: { days: 25 }', ['v3', 'v2', 'v1']],
    ['team/app: { days: 25, tags: v1 }', ['v3', 'v2']],
    ['team/**: { last: 1, days: 35, tags: [v2] }', ['v1']],
    ["'**': { last: 9 }", []],
    ['other: { last: 1 }', []],
    ['team/app: { last: 9 }\nteam/**: { last: 1 }', []],
  ])('%s', (text, expected) => {
    expect(goes(releases(), text)).toEqual(expected.map(tag => `team/app:${tag}`))
  })

  test('pulled: as the disk or the logs tell, by tag or by digest', () => {
    const table = releases()
    const [app] = table.repositories
    const tag = (name: string) => app?.tags.find(each => each.name === name)
    Object.assign(tag('v1') ?? {}, { asked: now - 2 * day })
    table.pulls.set('team/app v2', now - 3 * day)
    table.pulls.set(`team/app ${digestOf('base,v3false')}`, now - day)
    expect(goes(table, 'team/app: { pulled: 5 }')).toEqual(['team/app:v4', 'team/app:latest'])
  })

  test.each([
    ['records pulls', 0],
    ['does not', now - 60 * day],
  ])('pulled: what was never pulled stays for as long from its push, where the disk %s', (_, pullsSince) => {
    const table = releases()
    table.pullsSince = pullsSince
    table.image('team/app', [], ['pushed by digest'], { days: 8 })
    const result = plan(table, 'team/app: { pulled: 15 }')
    expect(result.repositories[0]?.stays.map(({ tag, reason }) => `${tag}: ${reason}`)).toEqual([
      'v4: pulled: 15 (not pulled since its push 10 days ago)',
    ])
    expect(result.repositories[0]?.untagged).toBe(0)
    expect(result.repositories[0]?.goes[0]?.reason).toBe('not pulled since its push 20 days ago (pulled: 15)')
  })

  test('pulled: another push of the same image is no pull', () => {
    const table = new Table()
    table.image('a', ['first'], ['1'])
    table.image('a', ['other'], ['2'], { days: 2 })
    // The registry writes the link of the image again.
    Object.assign(table.repositories[0]?.revisions[0] ?? {}, { pushed: now - day, asked: now - day })
    expect(goes(table, 'a: { pulled: 5 }')).toEqual(['a:first'])
  })

  test.each([
    ['the disk', 0],
    ['the logs', now - 60 * day],
  ])('pulled: a pull of one platform, by its digest, is one of the image, as %s know', (_, pullsSince) => {
    const table = new Table()
    table.pullsSince = pullsSince
    const child = table.image('a', [], ['amd64'], { asked: 3 })
    if (pullsSince > 0) table.pulls.set(`a ${digestOf(child)}`, now - 3 * day)
    table.image('a', ['in use'], [child], { list: true })
    table.image('a', ['other'], ['x'], { days: 50 })
    expect(goes(table, 'a: { pulled: 30, tags: none }')).toEqual(['a:other'])
  })
})

describe('why', () => {
  test('each tag says which line kept it, or why none did', () => {
    const [app] = plan(releases(), 'team/app: { tags: latest, last: 1, days: 35 }').repositories
    expect(app?.stays.map(({ tag, reason }) => `${tag}: ${reason}`)).toEqual([
      'v4: last: 1 (number 1)',
      'latest: tags: latest',
      'v3: days: 35 (pushed 30 days ago)',
    ])
    expect(app?.goes.map(({ tag, reason }) => `${tag}: ${reason}`)).toEqual([
      'v2: 3 newer (last: 1), pushed 40 days ago (days: 35), not in `tags`',
      'v1: 4 newer (last: 1), pushed 50 days ago (days: 35), not in `tags`',
    ])
  })

  test('bytes that images share are counted once, and not at all where one stays', () => {
    const { freed, unneeded, repositories } = plan(releases(), 'team/app: { last: 3 }')
    // Two manifests and a layer each.
    expect([freed, unneeded]).toEqual([40, 40])
    expect(repositories[0]?.goes[0]?.bytes).toBe(30)
  })

  test('what was pushed or used just now comes back later', () => {
    const table = releases()
    for (const blob of table.blobs) if (blob.digest === digestOf('v1')) blob.fresh = true
    expect(plan(table, 'team/app: { last: 3 }')).toMatchObject({ freed: 30, unneeded: 40 })
  })

  test('what is too large to be collected never comes back', () => {
    const table = releases()
    for (const blob of table.blobs) if (blob.digest === digestOf('v1')) blob.large = true
    expect(plan(table, 'team/app: { last: 3 }')).toMatchObject({ freed: 30, unneeded: 30 })
  })
})

describe('what hangs together stays together', () => {
  test('platforms of a list that stays, also in another repository', () => {
    const table = new Table()
    const child = table.image('a', [], ['amd64'])
    table.image('a', ['old'], [child], { list: true })
    table.image('a', ['new'], ['x'], { days: 1 })
    table.image('b', [], ['amd64'])
    table.image('b', ['keeps'], [child], { list: true })
    const { manifests } = plan(table, 'a: { last: 1 }')
    expect(manifests.filter(({ digest }) => digest === digestOf(child))).toEqual([])
    expect(plan(table, "'**': { last: 1 }").manifests.map(({ repository }) => repository)).toEqual([])
  })

  test('a list that goes takes its platforms along', () => {
    const table = new Table()
    const child = table.image('a', [], ['amd64'])
    table.image('a', ['old'], [child], { list: true })
    table.image('a', ['new'], ['x'], { days: 1 })
    expect(plan(table, 'a: { last: 1, untagged: 999 }').manifests).toHaveLength(2)
  })

  test.each(['.sig', '.att', '.sbom', ''])(
    'sha256-HEX%s lives and dies with its image, and counts in no `last`',
    kind => {
      const table = new Table()
      const image = (tag: string, days: number) => {
        const name = table.image('a', [tag], [tag], { days })
        table.image('a', [`${digestOf(name).replace(':', '-')}${kind}`], [`signature of ${tag}`], {
          days: 0.5 + days,
          list: kind === '',
        })
        return name
      }
      image('old', 90)
      const kept = image('new', 80)
      const [plans] = plan(table, 'a: { last: 1 }').repositories
      expect(plans?.stays.map(({ tag }) => tag)).toEqual([
        'new',
        `${digestOf(kept).replace(':', '-')}${kind}`,
      ])
      expect(plans?.goes.at(-1)?.reason).toBe('its image goes or is gone')
    },
  )

  test('what has a subject lives and dies with it', () => {
    const table = new Table()
    const old = table.image('a', ['old'], ['1'])
    const kept = table.image('a', ['new'], ['2'], { days: 3 })
    const gone = table.image('a', [], ['signature 1'], { subject: old })
    table.image('a', [], ['signature 2'], { subject: kept })
    expect(plan(table, 'a: { last: 1 }').manifests.map(({ digest }) => digest)).toEqual([
      digestOf(old),
      digestOf(gone),
    ])
  })

  test('what has a subject does so with a tag, too, and takes no place of images', () => {
    const table = new Table()
    for (const [index, tag] of ['v1', 'v2', 'v3'].entries()) {
      const image = table.image('a', [tag], [tag], { days: 50 - index * 10 })
      table.image('a', [`${tag}-sbom`], [`sbom of ${tag}`], { days: 49 - index * 10, subject: image })
    }
    expect(goes(table, 'a: { last: 2 }')).toEqual(['a:v1-sbom', 'a:v1'])
    expect(goes(table, 'a: { last: 2, tags: v1-sbom }')).toEqual(['a:v1'])
    const [app] = plan(table, 'a: { last: 1 }').repositories
    expect(app?.stays.map(({ tag }) => tag)).toEqual(['v3-sbom', 'v3'])
  })

  test('a signature stays, also if what it signs belongs to an image of a later repository', () => {
    const table = new Table()
    const tagFor = (name: string, kind: string) => `${digestOf(name).replace(':', '-')}.${kind}`
    table.image('signatures', [tagFor('statementfalse', 'sig')], ['signature'])
    table.image('team/app', [tagFor('imagefalse', 'att')], ['statement'])
    table.image('team/app', ['1'], ['image'])
    expect(goes(table, "'**': { last: 1 }")).toEqual([])
  })

  test('a signature of a signature, and so on, takes no longer for each', () => {
    const table = new Table()
    const length = 20_000
    const times = { pushed: now - 100 * day, asked: now - 100 * day, left: 0 }
    for (let number = 0; number < length; number++) {
      table.blobs.push({ digest: digestOf(`${number} `), bytes: 1, fresh: false, large: false })
      table.manifests.set(number, { refers: [], subject: number === 0 ? undefined : number - 1, list: false })
    }
    // The last of the chain comes first.
    const revisions = Array.from({ length }, (_, index) => ({ ...times, manifest: length - 1 - index }))
    table.repositories.push({ name: 'a', tags: [{ ...times, name: '1', manifest: 0 }], revisions })
    const began = performance.now()
    expect(plan(table, 'a: { last: 1 }').manifests).toEqual([])
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  test('a tag of that form that somebody gave is one as any other', () => {
    const table = new Table()
    const tag = `sha256-${'0'.repeat(64)}`
    table.image('a', [tag], ['1'])
    expect(goes(table, 'a: { last: 1 }')).toEqual([])
    // A signature whose image is gone.
    table.image('a', [`${tag}.sig`], ['2'])
    expect(goes(table, 'a: { last: 1 }')).toEqual([`a:${tag}.sig`])
    expect(goes(table, "a: { tags: 'sha256-*' }")).toEqual([])
  })
})

describe('images without a tag', () => {
  test.each([
    ['a: { last: 1 }', 2],
    ['a: { last: 1, untagged: 5 }', 1],
    ['a: { last: 1, untagged: 50 }', 0],
    ['a: { last: 1, pulled: 5 }', 1],
    ['a: { last: 1, pulled: 15 }', 0],
  ])('%s', (text, expected) => {
    const table = new Table()
    table.image('a', ['tag'], ['1'])
    table.image('a', [], ['2'], { days: 3, asked: 20 })
    table.image('a', [], ['3'], { days: 20, asked: 10 })
    const result = plan(table, text)
    expect(result.manifests).toHaveLength(expected)
    expect(result.repositories[0]?.untagged).toBe(expected)
  })

  test('days count from when a tag moved on, not from the push', () => {
    const table = new Table()
    table.image('a', ['latest'], ['new'], { days: 3 })
    table.image('a', [], ['old'], { left: 3 })
    expect(plan(table, 'a: { last: 1, untagged: 5 }').manifests).toEqual([])
    expect(plan(table, 'a: { last: 1, untagged: 2 }').manifests).toHaveLength(1)
    // Whoever asked for the tag a moment ago is still pulling it.
    table.image('a', [], ['left just now'], { left: 0.5 })
    expect(plan(table, 'a: { last: 1 }').manifests).toHaveLength(1)
  })

  test('one that was just asked for may still be pulled, also if its tag goes', () => {
    const table = new Table()
    table.image('a', ['stays'], ['1'], { days: 3 })
    table.image('a', ['goes'], ['2'], { days: 50, asked: 1.5 })
    table.image('a', [], ['3'], { days: 50, asked: 1.5 })
    const result = plan(table, 'a: { last: 1 }')
    expect(result.repositories[0]?.goes.map(({ tag }) => tag)).toEqual(['goes'])
    expect(result.manifests).toEqual([])
  })

  test('one that was just pushed may wait for the list that names it', () => {
    const table = new Table()
    table.image('a', ['tag'], ['1'])
    table.image('a', [], ['2'], { days: 0.5 })
    expect(plan(table, 'a: { last: 1 }').manifests).toEqual([])
  })
})

test('platforms of a tag that goes are no images without a tag', () => {
  const table = new Table()
  const children = ['amd64', 'arm64'].map(each => table.image('a', [], [each]))
  table.image('a', ['old'], children, { list: true })
  table.image('a', [], ['pushed by digest'])
  table.image('a', ['new'], ['x'], { days: 3 })
  const { repositories, manifests } = plan(table, 'a: { last: 1 }')
  expect([repositories[0]?.untagged, manifests.length]).toEqual([1, 4])
})

test('a repository keeps its images without a tag if a list in another one needs them', () => {
  const table = new Table()
  const children = ['amd64', 'arm64'].map(each => table.image('build/app', [], [each]))
  table.image('team/app', ['1'], children, { list: true })
  expect(plan(table, "'**': { last: 5 }").manifests).toEqual([])
})

describe('a rule that leaves nothing is refused', () => {
  test.each([
    ['all tags', ['old'], 'a: { tags: [nothing] }', /would leave nothing in a, which has 1 tag;/],
    [
      'all images without a tag',
      [],
      'a: { tags: [nothing] }',
      /would leave nothing in a, which has 1 image without a tag;/,
    ],
  ])('%s', (_, tags, text, message) => {
    const table = new Table()
    table.image('a', tags, ['1'])
    table.image('b', ['1'], ['2'])
    expect(() => plan(table, text)).toThrow(message)
    expect(() => plan(table, text.replace(' }', ', empty: true }'))).not.toThrow()
  })

  test('signatures alone are not worth keeping', () => {
    const table = new Table()
    table.image('a', [`sha256-${'0'.repeat(64)}.sig`], ['1'])
    expect(goes(table, 'a: { last: 1 }')).toHaveLength(1)
  })
})

test('a tag from when the clock was ahead stays, and takes no place of those that come', () => {
  const table = releases()
  table.image('team/app', ['from the future'], ['base', 'future'], { days: -400 })
  const [app] = plan(table, 'team/app: { last: 2 }').repositories
  expect(app?.stays.map(({ tag, reason }) => `${tag}: ${reason}`)).toEqual([
    'from the future: pushed when the server’s clock was ahead',
    'v4: last: 2 (number 1)',
    'latest: last: 2 (number 2)',
  ])
})

test('more days of `pulled` than are known are refused', () => {
  const table = releases()
  table.pullsSince = now - 14 * day
  expect(() => plan(table, 'team/app: { pulled: 30 }')).toThrow(
    /"team\/app".pulled is 30, and pulls are known for 14 days only/,
  )
  expect(() => plan(table, 'team/app: { pulled: 14 }')).not.toThrow()
})

test('orders name each tag and manifest with the second in which it was pushed', () => {
  const table = new Table()
  table.image('a', ['old'], ['1'])
  table.image('a', ['new'], ['2'], { days: 2 })
  const digest = digestOf('1false')
  expect(orders(plan(table, 'a: { last: 1 }'))).toBe(
    `planned ${now}\ntag a old ${digest} ${now - 100 * day}\nmanifest a ${digest} ${now - 100 * day}\n`,
  )
})
