import { describe, expect, test } from '@jest/globals'
import { eventTags } from '../../src/inputs/event.ts'

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
