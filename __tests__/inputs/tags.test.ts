import { expect, test } from '@jest/globals'
import { parseTags } from '../../src/inputs/tags.ts'

const domain = 'registry.example.com'

function readTags(text: string) {
  const problems: string[] = []
  return { tags: parseTags(text, { domain, owner: 'Acme' }, each => problems.push(each)), problems }
}

test('tags are split at lines and commas, once each, and wrong ones named', () => {
  expect(readTags('v1, v1\nlatest\n').tags.plain).toEqual(['v1', 'latest'])
  expect(readTags('a b').problems).toEqual([
    '“a b” is not a tag; it is made of letters, digits and . _ - and has at most 128 of them',
  ])
})

// As docker/metadata-action writes them.
const output = `${domain}/team/app:1.2\n${domain}/team/app:latest\nghcr.io/acme/app:1.2\nacme/app:1.2`

test('tags take whole references, and leave those of other registries to them', () => {
  expect(readTags(output)).toEqual({
    problems: [],
    tags: {
      plain: [],
      references: [
        { repository: 'team/app', tag: '1.2' },
        { repository: 'team/app', tag: 'latest' },
      ],
      elsewhere: ['ghcr.io/acme/app:1.2', 'acme/app:1.2'],
    },
  })
  expect(readTags(`${domain}/Acme/App:V1`).tags.references).toEqual([{ repository: 'acme/app', tag: 'V1' }])
})

test('tags that are all elsewhere, or no references, are mistakes', () => {
  expect(readTags('ghcr.io/acme/app:1').problems).toEqual([
    'names no tag on registry.example.com, only ghcr.io/acme/app:1; write registry.example.com/REPOSITORY:TAG, or the tag alone',
  ])
  expect(readTags(`${domain}/Shop:1`).problems).toEqual(['“Shop” is not a repository; write “shop”'])
  expect(readTags(`${domain}/shop:-`).problems).toEqual([expect.stringContaining('“-” is not a tag')])
})
