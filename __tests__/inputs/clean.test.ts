import { expect, test } from '@jest/globals'
import type { Mode } from '../../src/desired.ts'
import { readCleaning } from '../../src/inputs/clean.ts'
import { Reader } from '../../src/inputs/reader.ts'

async function read(inputs: Record<string, string>, mode: Mode = 'clean') {
  const reader = new Reader(
    name => inputs[name] ?? '',
    () => {},
  )
  const cleaning = await readCleaning(reader, mode)
  return { cleaning, mistakes: reader.mistakes.map(({ topic, message }) => `${topic}: ${message}`) }
}

test('without a word all is kept, and a push has a day to end', async () => {
  expect(await read({})).toEqual({ cleaning: { keep: undefined, grace: 86_400, undo: false }, mistakes: [] })
})

test('a rule that keeps something, and less or more time', async () => {
  const { cleaning, mistakes } = await read({ keep: 'team/**: { last: 3 }', grace: '90m', undo: 'true' })
  expect(mistakes).toEqual([])
  expect(cleaning).toMatchObject({ keep: [{ pattern: 'team/**', last: 3 }], grace: 5400, undo: true })
})

test.each([
  ['0s', 0],
  ['45s', 45],
  ['2h', 7200],
  ['3d', 259_200],
])('a grace of %s', async (grace, seconds) => {
  expect((await read({ grace })).cleaning.grace).toBe(seconds)
})

test.each(['24', 'h', '-1h', '1.5h', '1w', '999999s', '1h 30m'])(
  'a grace of “%s” is a mistake',
  async grace => {
    expect((await read({ grace })).mistakes).toEqual([
      `keep: grace: ${JSON.stringify(grace)} is not a time such as \`24h\`, \`90m\` or \`2d\``,
    ])
  },
)

test('a mistake in a rule is told with the input’s name', async () => {
  expect((await read({ keep: 'a: 5' })).mistakes).toEqual([expect.stringMatching(/^keep: keep: "a" must be/)])
})

test.each<Mode>(['up', 'plan', 'push', 'renew', 'down'])('nothing is put back by mode %s', async mode => {
  expect((await read({ undo: 'true' }, mode)).mistakes).toEqual([
    expect.stringMatching(/undo: is only for mode `clean`$/),
  ])
  expect((await read({ undo: 'false' }, mode)).mistakes).toEqual([])
})
