import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Programs } from './programs.ts'
import { runStep } from './step.ts'

let programs: Programs
beforeEach(() => {
  programs = new Programs()
})
afterEach(() => programs.remove())

const post = (env: Record<string, string>) => runStep(programs, {}, { entry: 'post', env })

test('what the step has left goes: its folder, and the trust in a private authority', async () => {
  const [folder, certs] = [programs.file('berth-1'), programs.file('certs.d/r.example.com')]
  for (const each of [`${folder}/ssh`, certs]) mkdirSync(each, { recursive: true })
  writeFileSync(`${folder}/ssh/key`, 'KEY')
  writeFileSync(`${certs}/berth-1.crt`, 'PEM')
  expect(await post({ STATE_folder: folder, STATE_trust: `${certs}/berth-1.crt` })).toMatchObject({
    code: 0,
    log: '',
  })
  expect(existsSync(folder)).toBe(false)
  expect(existsSync(certs)).toBe(false)
})

test('where nothing was left, nothing is done', async () => {
  expect(await post({})).toMatchObject({ code: 0, log: '' })
  expect(await post({ STATE_folder: programs.file('gone') })).toMatchObject({ code: 0, log: '' })
})
