import { describe, expect, test } from '@jest/globals'
import { eventTags, parseImages, parseTags } from '../../src/inputs/images.ts'

function parse(text: string, tags = ['1']) {
  const problems: string[] = []
  return { images: parseImages(text, tags, message => problems.push(message)), problems }
}

test.each([
  ['app', { source: 'app', repository: 'app', tags: ['1'] }],
  ['app:dev', { source: 'app:dev', repository: 'app', tags: ['1'] }],
  ['ghcr.io/acme/app:2', { source: 'ghcr.io/acme/app:2', repository: 'acme/app', tags: ['1'] }],
  ['localhost:5000/app', { source: 'localhost:5000/app', repository: 'app', tags: ['1'] }],
  ['acme/app', { source: 'acme/app', repository: 'acme/app', tags: ['1'] }],
  ['app => team/app', { source: 'app', repository: 'team/app', tags: ['1'] }],
  ['app=>team/app:v2', { source: 'app', repository: 'team/app', tags: ['v2'] }],
  ['  app:1   =>   a/b_c/d--e:X.y-z_1  ', { source: 'app:1', repository: 'a/b_c/d--e', tags: ['X.y-z_1'] }],
])('%s', (text, image) => {
  expect(parse(text)).toEqual({ images: [image], problems: [] })
})

test.each([
  ['=> app', 'write source, or source => repository:tag'],
  ['app =>', 'write source, or source => repository:tag'],
  ['a => b => c', 'write source, or source => repository:tag'],
  ['My App', '“My App” is not the name of an image'],
  ['-v', '“-v” is not the name of an image'],
  ['$(id)', '“$(id)” is not the name of an image'],
  ['a;b', '“a;b” is not the name of an image'],
  ['App', '“App” is not a repository; it is made of lower-case letters, digits and . _ - between slashes'],
  [
    'app => ../etc',
    '“../etc” is not a repository; it is made of lower-case letters, digits and . _ - between slashes',
  ],
  [
    'app => a//b',
    '“a//b” is not a repository; it is made of lower-case letters, digits and . _ - between slashes',
  ],
  ['app => app:-x', '“-x” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them'],
  ['app => app:', '“” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them'],
  [
    `app => app:${'a'.repeat(129)}`,
    `“${'a'.repeat(129)}” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them`,
  ],
])('%j', (text, problem) => {
  expect(parse(text)).toEqual({ images: [], problems: [`line 1: ${problem}`] })
})

test('several, with their mistakes by line', () => {
  expect(parse('one\n\n Two\nthree => four:5')).toEqual({
    images: [
      { source: 'one', repository: 'one', tags: ['1'] },
      { source: 'three', repository: 'four', tags: ['5'] },
    ],
    problems: [
      'line 3: “Two” is not a repository; it is made of lower-case letters, digits and . _ - between slashes',
    ],
  })
})

test('tags: a line or a comma each, none twice, bad ones named', () => {
  const problems: string[] = []
  expect(parseTags('a, b\nc\na\n', message => problems.push(message))).toEqual(['a', 'b', 'c'])
  expect(problems).toEqual([])
  parseTags('good\n-bad\nso so', message => problems.push(message))
  expect(problems).toEqual(['“-bad” is not a valid tag', '“so so” is not a valid tag'])
})

describe('tags of the event', () => {
  const sha = 'ffac537e6cbbf934b08745a378932722df287a53'
  test.each([
    ['the default branch', 'refs/heads/main', ['ffac537', 'main', 'latest']],
    ['another branch', 'refs/heads/feature/x y', ['ffac537', 'feature-x-y']],
    ['a pull request', 'refs/pull/7/merge', ['ffac537', 'pr-7']],
    ['a version', 'refs/tags/v1.2.3', ['ffac537', '1.2.3', '1.2', '1']],
    ['a version without v', 'refs/tags/1.2.3+build.5', ['ffac537', '1.2.3', '1.2', '1']],
    ['a pre-release', 'refs/tags/v1.2.3-rc.1', ['ffac537', '1.2.3-rc.1']],
    ['a tag that is no version', 'refs/tags/nightly', ['ffac537', 'nightly']],
    ['a branch of dots', 'refs/heads/..', ['ffac537', 'latest']],
  ])('%s', (_, ref, tags) => {
    expect(eventTags({ name: 'push', ref, sha, defaultBranch: 'main' })).toEqual(tags)
  })

  test('nothing is known', () => {
    expect(eventTags({ name: '', ref: '', sha: '', defaultBranch: undefined })).toEqual([])
  })
})
