import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { asFailure, Failure, topics } from '../../src/failure.ts'
import { anchor, helpFor, page } from '../../src/report/help.ts'

const env = { GITHUB_SERVER_URL: 'https://github.com', GITHUB_ACTION_REPOSITORY: 'berth/berth' }

test('every topic is a heading of docs/troubleshooting.md, and the other way round', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8')
  const headings = [...text.matchAll(/^### (.*)$/gm)].map(match => match[1])
  expect(headings.toSorted()).toEqual(Object.values(topics).toSorted())
})

test('anchors are GitHub’s', () => {
  expect(anchor('The SSH key can’t be used')).toBe('the-ssh-key-cant-be-used')
  expect(anchor('Users, passwords or access')).toBe('users-passwords-or-access')
})

test('pages are those of the version that runs', () => {
  expect(page('users.md', { ...env, GITHUB_ACTION_REF: 'v1' })).toBe(
    'https://github.com/berth/berth/blob/v1/docs/users.md',
  )
  expect(page('users.md', env)).toBe('https://github.com/berth/berth/blob/HEAD/docs/users.md')
  expect(page('users.md', {})).toBe('docs/users.md')
})

test('help leads to the section of a topic, and to the page where there is none', () => {
  expect(helpFor(new Failure('diskFull', 'the disk is full'), env)).toBe(
    'https://github.com/berth/berth/blob/HEAD/docs/troubleshooting.md#the-disk-is-full',
  )
  expect(helpFor(asFailure(new Error('who knows')), {})).toBe('docs/troubleshooting.md')
})
