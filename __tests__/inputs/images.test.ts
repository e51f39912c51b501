import { describe, expect, test } from '@jest/globals'
import { eventTags, parseImages, parseTags } from '../../src/inputs/images.ts'

function read(text: string, tags = ['t'], owner = 'Acme') {
  const problems: string[] = []
  return { images: parseImages(text, tags, owner, problem => problems.push(problem)), problems }
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

test('tags are split at lines and commas, once each, and wrong ones named', () => {
  const problems: string[] = []
  expect(parseTags('v1, v1\nlatest\n', each => problems.push(each))).toEqual(['v1', 'latest'])
  parseTags('a b', each => problems.push(each))
  expect(problems).toEqual([
    '“a b” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them',
  ])
})

describe('tags from the event', () => {
  const event = {
    name: 'push',
    ref: 'refs/heads/main',
    sha: 'ffac537e6cbbf934b08745a378932722df287a53',
    defaultBranch: 'main',
    pull: undefined,
    owner: 'Acme',
  }
  test.each([
    ['the default branch', {}, ['ffac537', 'main', 'latest']],
    ['another branch', { ref: 'refs/heads/feature/Größe#1' }, ['ffac537', 'feature-Gr-e-1']],
    ['a branch without a letter that a tag may have', { ref: 'refs/heads/日本' }, ['ffac537']],
    ['a version', { ref: 'refs/tags/v1.2.3' }, ['ffac537', '1.2.3', '1.2', '1']],
    ['a version with build metadata', { ref: 'refs/tags/1.2.3+5' }, ['ffac537', '1.2.3', '1.2', '1']],
    [
      'a pre-release, which is neither 1.2 nor 1',
      { ref: 'refs/tags/v1.2.3-rc.1' },
      ['ffac537', '1.2.3-rc.1'],
    ],
    ['another tag', { ref: 'refs/tags/nightly' }, ['ffac537', 'nightly']],
    ['a pull request', { name: 'pull_request', ref: 'refs/pull/7/merge' }, ['ffac537', 'pr-7']],
    [
      'a pull request that runs on the base branch, whose tags it must not move',
      { name: 'pull_request_target', pull: 7 },
      ['ffac537', 'pr-7'],
    ],
  ])('%s', (_, more, tags) => {
    expect(eventTags({ ...event, ...more })).toEqual(tags)
  })
})
