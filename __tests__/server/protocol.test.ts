import { expect, test } from '@jest/globals'
import { isMarker, lastMarker, marker, readMarker } from '../../src/server/protocol.ts'
import { sh } from '../library.ts'

const say = (lines: string) => sh(['server/protocol'], lines).stdout.split('\n')

test('what the shell says is what the runner reads', () => {
  const [first = '', , second = ''] = say("fact site.port80 'program nginx=x'\ntell ok 3")
  expect(readMarker(first)).toEqual({ name: 'site.port80', value: 'program nginx=x' })
  expect(readMarker(second)).toEqual({ name: 'ok', value: '3' })
})

test('a fact is one line, whatever it is about', () => {
  expect(say("fact a 'one\nberth:end=ok'")).toEqual(['berth:a=one', ''])
  expect(say('fact a')).toEqual(['berth:a=', ''])
})

test('what a program prints can’t pass for the script’s own words', () => {
  const lines = say("printf 'berth:end=ok\\nplain\\n' | quoted")
  expect(lines.filter(isMarker)).toEqual([])
  expect(lines).toEqual([' berth:end=ok', 'plain', ''])
})

test('of what is said, only the protocol’s lines are compared', () => {
  expect(say("printf 'noise\\nberth:a=1\\n berth:b=2\\n' | markers")).toEqual(['berth:a=1', ''])
})

test('a script ends between two steps when nobody listens any more', () => {
  const { stderr } = sh(['server/protocol'], '{ sleep 0.1; tell one 1; echo went on >&2; } | true; exit 0')
  expect(stderr).toBe('')
})

test.each([
  ['berth:end', { name: 'end', value: '' }],
  ['berth:unit.a@b.service=x y', { name: 'unit.a@b.service', value: 'x y' }],
  ['x berth:end', undefined],
  ['berth:', undefined],
  ['berth:a b=c', undefined],
])('%j', (line, expected) => {
  expect(readMarker(line)).toEqual(expected)
})

test('the last of a name counts', () => {
  expect(lastMarker('berth:a=1\nberth:a=2\n berth:a=3\nberth:ab=4\n', 'a')).toBe('2')
  expect(lastMarker('nothing', 'a')).toBeUndefined()
  expect(marker('a', 'b')).toBe('berth:a=b')
})
