import { describe, expect, test } from '@jest/globals'
import { parseImages, readImages } from '../../src/inputs/images.ts'
import { Reader } from '../../src/inputs/reader.ts'
import { parseTags, type Tags } from '../../src/inputs/tags.ts'

const domain = 'registry.example.com'
const none: Tags = { plain: [], references: [], elsewhere: [] }

function read(text: string, tags: Tags = none, owner = 'Acme') {
  const problems: string[] = []
  const notes: string[] = []
  const images = parseImages(
    text,
    { domain, owner, tags, event: ['t'] },
    each => problems.push(each),
    each => notes.push(each),
  )
  return { images, problems, notes }
}

const event = { ...{ name: 'push', ref: 'refs/heads/main', sha: '0'.repeat(40) }, pull: undefined }

/** What is wrong with the inputs `image` and `tags`. */
function mistakes(image: string, tags: string): string[] {
  const given: Record<string, string> = { image, tags }
  const reader = new Reader(
    name => given[name] ?? '',
    () => {},
  )
  readImages(reader, 'up', domain, { ...event, defaultBranch: 'main', owner: 'Acme' })
  return reader.mistakes.map(({ message }) => message)
}

function readTags(text: string) {
  const problems: string[] = []
  return { tags: parseTags(text, { domain, owner: 'Acme' }, each => problems.push(each)), problems }
}

describe('image', () => {
  test.each([
    ['my-app', 'my-app', 't'],
    ['my-app:1.2', 'my-app', 't'],
    ['ghcr.io/acme/app:1', 'acme/app', 't'],
    ['localhost:5000/app', 'app', 't'],
    ['my-app => team/app', 'team/app', 't'],
    ['my-app=>team/app:v1', 'team/app', 'v1'],
    ['sha256:abcdefabcdef => app', 'app', 't'],
    ['my-app => Acme/App', 'acme/app', 't'],
    ['my-app => acme/App:V1', 'acme/app', 'V1'],
    ['ghcr.io/Acme/App:V1', 'acme/app', 't'],
    ['registry.example.com/team/app:1.2', 'team/app', '1.2'],
    ['registry.example.com/team/app', 'team/app', 't'],
    ['app => registry.example.com/team/app:1.2', 'team/app', '1.2'],
    ['app => Registry.Example.com/team/app', 'team/app', 't'],
  ])('%s goes to %s:%s', (line, repository, tag) => {
    const { images, problems } = read(line)
    expect(problems).toEqual([])
    expect(images).toMatchObject([{ repository, tags: [tag] }])
  })

  test.each([
    ['./app.tar', { kind: 'path', path: './app.tar' }],
    ['/tmp/layout => app', { kind: 'path', path: '/tmp/layout' }],
    ['oci:layout => app', { kind: 'oci', path: 'layout' }],
    ['oci-archive:a.tar:v1', { kind: 'oci-archive', path: 'a.tar', reference: 'v1' }],
    ['docker-archive:a.tar:app:v1', { kind: 'docker-archive', path: 'a.tar', reference: 'app:v1' }],
    ['ghcr.io/Acme/App:V1', { kind: 'docker', name: 'ghcr.io/acme/app:V1' }],
  ])('%s is that source', (line, source) => {
    expect(read(line).images).toMatchObject([{ source }])
  })

  test('an archive without a target keeps the name that it gives itself', () => {
    expect(read('./app.tar').images).toMatchObject([{ repository: undefined, tags: ['t'] }])
  })

  test('every mistake is named, with its line', () => {
    const { problems } = read(
      [
        'a => b => c',
        'app => Shop/App',
        'app => app:-x',
        '-rf',
        '$(id)',
        'oci:',
        './a:b',
        'x => same',
        'y => same',
        'app => ghcr.io/team/app:1',
        'app => localhost:5000/app',
      ].join('\n'),
    )
    expect(problems).toEqual([
      'line 1: write source, or source => repository:tag',
      'line 2: “Shop/App” is not a repository; write “shop/app”',
      'line 3: “-x” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them',
      'line 4: “-rf” is not the name of an image',
      'line 5: “$(id)” is not the name of an image',
      'line 6: “oci:” is not the name of an image',
      'line 7: the path “./a:b” has a colon; rename it',
      'line 9: goes to the same repository and tag as line 8',
      'line 10: “ghcr.io/team/app:1” is on another registry than registry.example.com; omit its name, or push there in another step',
      'line 11: “localhost:5000/app” is on another registry than registry.example.com; omit its name, or push there in another step',
    ])
  })

  test('a name that no registry takes, for it is too long', () => {
    const name = (length: number) => `app => ${'a'.repeat(length)}`
    expect(read(name(255)).problems).toEqual([])
    expect(read(name(256)).problems).toEqual([expect.stringMatching(/is not a repository; it is made of/)])
  })

  test('the same repository under different tags is no mistake', () => {
    expect(read('a => app:amd64\nb => app:arm64').problems).toEqual([])
  })
})

describe('tags', () => {
  // As docker/metadata-action writes them.
  const output = `${domain}/team/app:1.2\n${domain}/team/app:latest\nghcr.io/acme/app:1.2\nacme/app:1.2`

  const { tags } = readTags(`${output}\n${domain}/team/worker:7`)

  test.each([
    ['the only image goes to each', 'my-app', { 'team/app': ['1.2', 'latest'], 'team/worker': ['7'] }],
    ['so does the only archive', './app.tar', { 'team/app': ['1.2', 'latest'], 'team/worker': ['7'] }],
    [
      'each goes to its own',
      'x => team/worker\nteam/app',
      { 'team/worker': ['7'], 'team/app': ['1.2', 'latest'] },
    ],
    ['a tag that is written stays', 'x => team/app:x', { 'team/app': ['x'] }],
  ])('%s', (_, text, places) => {
    const { images, problems } = read(text, tags)
    expect(problems).toEqual([])
    expect(Object.fromEntries(images.map(each => [each.repository, each.tags]))).toEqual(places)
  })

  test('the same output as `image` and `tags`', () => {
    const both = `${domain}/team/app:1.2\n${domain}/team/app:latest`
    const { images, problems } = read(both, readTags(both).tags)
    expect(problems).toEqual([])
    expect(images.map(each => each.tags)).toEqual([['1.2'], ['latest']])
  })

  test.each([
    [
      'its first reference',
      `${domain}/team/app:1.2`,
      { 'team/app': ['1.2', 'latest'], 'team/worker': ['7'] },
    ],
    ['its own name', 'team/app', { 'team/app': ['1.2', 'latest'], 'team/worker': ['7'] }],
  ])('the only image, given by %s, gets all of them', (_, text, places) => {
    const { images, problems } = read(text, tags)
    expect(problems).toEqual([])
    expect(Object.fromEntries(images.map(each => [each.repository, each.tags]))).toEqual(places)
  })

  test('as `image`, those of other registries are left out', () => {
    const both = `${domain}/team/app:1.2\n${domain}/team/app:latest\nghcr.io/team/app:1.2\nghcr.io/team/app:latest`
    for (const given of [none, readTags(both).tags]) {
      const { images, problems, notes } = read(both, given)
      expect(problems).toEqual([])
      expect(images.map(each => [each.repository, each.tags])).toEqual([
        ['team/app', ['1.2']],
        ['team/app', ['latest']],
      ])
      expect(notes).toEqual([
        'ghcr.io/team/app:1.2 is on another registry, so it is left out',
        'ghcr.io/team/app:latest is on another registry, so it is left out',
      ])
    }
    // This one is pushed here under its own name.
    expect(read(`${domain}/team/app:1\nghcr.io/acme/tool:2`).images).toHaveLength(2)
  })

  test('as `image`, with Docker Hub among the registries, that is left out too', () => {
    const both = `${domain}/Acme/App:1.2\nacme/app:1.2\n${domain}/Acme/App:latest\nAcme/App:latest`
    for (const given of [none, readTags(both).tags]) {
      const { images, problems, notes } = read(both, given)
      expect(problems).toEqual([])
      expect(images.map(each => [each.repository, each.tags])).toEqual([
        ['acme/app', ['1.2']],
        ['acme/app', ['latest']],
      ])
      expect(notes).toEqual([
        'acme/app:1.2 is the name of the same image on Docker Hub, so it is left out; to push another one, write acme/app:1.2 => acme/app:1.2',
        'Acme/App:latest is the name of the same image on Docker Hub, so it is left out; to push another one, write Acme/App:latest => Acme/App:latest',
      ])
    }
  })

  test.each([
    ['has another tag', 'acme/app:2', 2],
    ['has none', 'acme/app', 2],
    ['has another path', 'acme/other:1', 2],
    ['says where it goes', 'acme/app:1 => x', 2],
    ['says so, and is on another registry', 'ghcr.io/acme/app:1 => x', 2],
  ])('but not an image of this runner that %s', (_, line, count) => {
    const { images, notes } = read(`${domain}/acme/app:1\n${line}`)
    expect([images.length, notes]).toEqual([count, []])
  })

  test('as `image`, separated by commas', () => {
    const list = `${domain}/team/app:1.2, ${domain}/team/app:latest,ghcr.io/team/app:1.2,team/app:latest`
    const { images, problems, notes } = read(list)
    expect(problems).toEqual([])
    expect(images.map(each => each.tags)).toEqual([['1.2'], ['latest']])
    expect(notes).toHaveLength(2)
    expect(read('x\na:1,-b:1').problems).toEqual([expect.stringMatching(/^line 2: “a:1,-b:1” is not/)])
    expect(read('x => a\na:1,a:2').problems).toEqual([
      'line 2: goes to the same repository and tag as line 1',
      'line 2: goes to the same repository and tag as line 2',
    ])
  })

  test.each(['./a,b:1', 'oci:a,b:1', './a:1,./b', 'a,b', 'a:1,b => c'])('%s is no such list', line => {
    expect(read(line).images.length).toBeLessThan(2)
  })

  test('that no image goes to are mistakes', () => {
    expect(mistakes('x => team/app', `${domain}/team/app:1\n${domain}/typo:1`)).toEqual([
      `tags: names ${domain}/typo:1, and no image goes there; write source => typo in \`image\`, or omit it`,
    ])
    expect(mistakes('x => team/app', `${domain}/team/app:1\nghcr.io/acme/app:1`)).toEqual([])
    // Where this one goes is known only when it is read.
    expect(mistakes('./a.tar\n./b.tar => b', `${domain}/b:1`)).not.toContain('no image goes there')
    expect(mistakes('', `${domain}/team/app:1`)).toEqual([])
  })

  test('that are names of branches are mistakes, and no references to elsewhere', () => {
    expect(readTags('latest\nfeature/x')).toMatchObject({
      problems: [expect.stringContaining('“feature/x” is not a tag')],
      tags: { elsewhere: [] },
    })
  })

  test('do not say where an image goes', () => {
    expect(read('x\ny => team/other', tags).problems).toEqual([
      'line 1: `tags` does not say where this one goes; write source => team/app',
      'line 2: `tags` has references, and none to registry.example.com/team/other; add one, or write team/other:TAG',
    ])
  })
})
