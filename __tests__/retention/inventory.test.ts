import { expect, test } from '@jest/globals'
import { parseInventory } from '../../src/retention/inventory.ts'

const text = `logs 40
pull a 1 60
time 100
disk 1000 200
blob sha256:aa 10 1
blob sha256:bb -1 0
manifest 0 - 1 1
repository a
revision 0 50 70 60
tag 1 0 50.25 70
aside 5
`

test('lines become what is there', () => {
  expect(parseInventory(text)).toEqual({
    ...{ time: 100, aside: 5, pullsSince: 0, disk: { bytes: 1000, free: 200 } },
    blobs: [
      { digest: 'sha256:aa', bytes: 10, fresh: true, large: false },
      { digest: 'sha256:bb', bytes: -1, fresh: false, large: false },
    ],
    manifests: new Map([[0, { refers: [1], subject: undefined, list: true }]]),
    repositories: [
      {
        name: 'a',
        tags: [{ name: '1', manifest: 0, pushed: 50.25, asked: 70 }],
        revisions: [{ manifest: 0, pushed: 50, asked: 70, left: 60 }],
      },
    ],
    pulls: new Map([['a 1', 60]]),
  })
})

test('where the disk does not know of pulls, the logs say how far back they are known', () => {
  expect(parseInventory(`noatime\n${text}`).pullsSince).toBe(40)
})

test('an answer that was cut off, and one that tells of an error, are failures', () => {
  expect(() => parseInventory(text.replace(/aside.*\n/, ''))).toThrow('was cut off; run the workflow again')
  expect(() => parseInventory('error can’t read /x: Permission denied\n')).toThrow(
    'the server can’t tell which images it has: can’t read /x: Permission denied; fix that',
  )
})

// What a registry that was taken over, or a server, could say.
test.each([
  ['a time after all times', 'tag 1 0 99999999999999 70'],
  ['a time that is none', 'tag 1 0 soon 70'],
  ['a size that is none', 'blob sha256:cc 1e9 0'],
  ['a tag that no registry takes', `tag ${'a'.repeat(129)} 0 50 70`],
  ['a name that no registry takes', `repository ${'a'.repeat(256)}`],
  ['a repository without a name', 'repository  x'],
  ['a repository that comes twice', 'repository a'],
  ['a digest that is none', 'blob x 0 0'],
])('%s is refused, and shown in part', (_, line) => {
  expect(() => parseInventory(text.replace(/^tag .*/m, line))).toThrow(
    /^the server’s list of images has `.{0,40}` where there can be no such thing, so nothing was deleted;/,
  )
})
