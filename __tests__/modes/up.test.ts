import { expect, test } from '@jest/globals'
import type { Image } from '../../src/desired.ts'
import { InputError } from '../../src/failure.ts'
import { up } from '../../src/modes/up.ts'
import { Programs } from '../programs.ts'
import { scene } from './scene.ts'

/** On this machine, where nobody answers for it. */
const here = (changes: Parameters<typeof scene>[1] = {}) => {
  const made = scene({ applied: 'berth:start=1\nberth:failed=1\n' }, changes)
  return { ...made, inputs: { ...made.inputs, desired: { ...made.inputs.desired, domain: 'localhost' } } }
}

test('an image that can’t be pushed is known before the server is looked at', async () => {
  const programs = new Programs()
  programs.add('skopeo', 'exit 0')
  const image: Image = {
    source: { kind: 'path', path: programs.file('gone.tar'), reference: undefined },
    repository: 'app',
    tags: ['v1'],
  }
  const { inputs, context, events } = here({ images: [image] })
  await expect(up(inputs, context)).rejects.toBeInstanceOf(InputError)
  expect(events).toEqual([])
  programs.remove()
})

test('a step that fails ends the run: nobody logs in, nothing is verified or pushed', async () => {
  const { inputs, context, events } = here()
  const failing = { ...inputs, desired: { ...inputs.desired, domain: scene({}).inputs.desired.domain } }
  await expect(up({ ...failing }, context)).rejects.toThrow(/ failed/)
  expect(events.filter(each => /^(look|apply|close|group)/.test(each))).toEqual([
    'group Server undefined',
    'look',
    'apply',
    'close',
  ])
})
