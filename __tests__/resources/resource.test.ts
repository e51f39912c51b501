import { expect, test } from '@jest/globals'
import type { Desired } from '../../src/desired.ts'
import { Failure } from '../../src/failure.ts'
import { change, fileChanges, resource } from '../../src/resources/resource.ts'
import { Facts } from '../../src/server/facts.ts'

const path = '/opt/berth/x'
const file = (content: string, mode = '644', owner = 'root:root') => ({ content, mode, owner })

test('a file that differs is a change, with what it was and what it will be', () => {
  expect(fileChanges(path, undefined, 'new', '644')).toEqual([
    { action: 'create', summary: path, file: { path, before: '', after: 'new' } },
  ])
  expect(fileChanges(path, file('old'), 'new', '644')).toEqual([
    { action: 'update', summary: path, file: { path, before: 'old', after: 'new' } },
  ])
  expect(fileChanges(path, file('same'), 'same', '644')).toEqual([])
})

test('so is one that others may read, or that somebody else owns', () => {
  expect(fileChanges(path, file('same', '644'), 'same', '600')).toEqual([
    { action: 'update', summary: `${path} from 644 root:root to 600 root:root` },
  ])
  expect(fileChanges(path, file('same', '600', 'www-data:root'), 'same', '600')).toHaveLength(1)
})

test('a resource reads the facts once, and says of what it saw all that it knows', () => {
  let reads = 0
  const own = resource<string>({
    name: 'own',
    probe: () => [],
    read(facts) {
      reads += 1
      return facts.get('own')
    },
    failures: (_, seen) => [new Failure('port', seen)],
    steps: (_, seen) => [{ resource: 'own', changes: change(false, seen), call: ['own_up'] }],
  })
  const look = own.look({} as Desired, Facts.of({ own: 'seen' }))
  expect(look.failures).toMatchObject([{ message: 'seen' }])
  expect(look.warnings).toEqual([])
  expect(look.steps()).toMatchObject([{ changes: [{ action: 'create', summary: 'seen' }] }])
  expect(look.removal()).toEqual([])
  expect(reads).toBe(1)
})
