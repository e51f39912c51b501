import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { resources } from '../../src/resources/resources.ts'

const folder = join(import.meta.dirname, '../../src/resources')

test('every folder is a resource in the list', () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter(each => each.isDirectory())
  expect(resources.map(({ name }) => name).sort()).toEqual(folders.map(({ name }) => name).sort())
})
