import { expect, test } from '@jest/globals'
import { PushProgress } from '../../src/publish/progress.ts'

test('thousands of messages become a line every five seconds, and a summary', () => {
  const lines: string[] = []
  let now = 0
  const progress = new PushProgress(
    line => lines.push(line),
    () => now,
  )
  const total = 100e6
  progress.hear({ id: 'base', status: 'Layer already exists' })
  for (now = 0; now <= 10_000; now += 10) {
    progress.hear({ id: 'layer', status: 'Pushing', progressDetail: { current: now * 1e4, total } })
  }
  progress.hear({ id: 'layer', status: 'Pushed' })
  progress.hear({ id: 'v1', status: 'v1: digest: sha256:0 size: 1' })
  expect(lines).toEqual([
    '1 of 2 layers, 50 MB of 100 MB, 10 MB/s',
    '1 of 2 layers, 100 MB of 100 MB, 10 MB/s',
  ])
  expect(progress.summary()).toBe('2 layers (1 there already), 100 MB in 10.0 s')
})

test('one layer is one', () => {
  const progress = new PushProgress(
    () => {},
    () => 0,
  )
  progress.hear({ id: 'layer', status: 'Layer already exists' })
  expect(progress.summary()).toBe('1 layer (1 there already) in 0.0 s')
})
