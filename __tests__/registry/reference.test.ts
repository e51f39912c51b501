import { expect, test } from '@jest/globals'
import {
  lowered,
  ownName,
  ownTag,
  registryOf,
  repositoryMistake,
  splitTag,
  tagMistake,
  withoutRegistry,
} from '../../src/registry/reference.ts'

test.each([
  ['ghcr.io/acme/app:1@sha256:0badcafe', 'ghcr.io', 'acme/app', '1'],
  ['localhost/app', 'localhost', 'app', undefined],
  ['Registry.example.com:5000/app:v2', 'registry.example.com:5000', 'app', 'v2'],
  ['acme/app:latest', undefined, 'acme/app', 'latest'],
  ['app', undefined, 'app', undefined],
  // Only a port tells a host from a folder that has no dot.
  ['nas:5000/app', 'nas:5000', 'app', undefined],
])('%s', (reference, registry, name, tag) => {
  expect([registryOf(reference), ownName(reference), ownTag(reference)]).toEqual([registry, name, tag])
})

test('an image that has an id and no name', () => {
  expect(ownName('sha256:0badcafe')).toBeUndefined()
})

test('without its registry, a reference keeps its tag', () => {
  expect(withoutRegistry('ghcr.io/acme/app:1')).toBe('acme/app:1')
  expect(splitTag('acme/app:1')).toEqual({ repository: 'acme/app', tag: '1' })
  expect(splitTag('acme/app')).toEqual({ repository: 'acme/app', tag: undefined })
})

test('the owner’s name is lowered, and nobody else’s; a tag stays as it is', () => {
  expect(lowered('Acme/App:RC1', 'acme')).toBe('acme/app:RC1')
  expect(lowered('Other/App', 'acme')).toBe('Other/App')
  expect(lowered('Acme/App', '')).toBe('Acme/App')
})

test.each([
  ['acme/app', undefined],
  ['Acme/App', expect.stringContaining('write “acme/app”')],
  ['a//b', expect.stringContaining('it is made of lower-case letters')],
  ['a'.repeat(256), expect.any(String)],
])('a repository called %s', (name, mistake) => {
  expect(repositoryMistake(name)).toEqual(mistake)
})

test('a tag has no slash, and at most 128 characters', () => {
  expect([tagMistake('v1.2-rc_3'), tagMistake('a'.repeat(128))]).toEqual([undefined, undefined])
  for (const wrong of ['a/b', '-a', '', 'a'.repeat(129)]) expect(tagMistake(wrong)).toContain('is not a tag')
})
