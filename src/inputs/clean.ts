import type { Keep, Mode } from '../desired.ts'
import type { Reader } from './reader.ts'

/** How images are deleted. */
export interface Cleaning {
  /** What stays when images are deleted; `undefined` keeps everything. */
  keep: Keep | undefined
  /** Seconds for which garbage collection spares what was pushed. */
  grace: number
  /** Whether `clean` puts back what its last run took. */
  undo: boolean
}

/** Reads `keep`, `grace` and `undo`. */
export async function readCleaning(reader: Reader, mode: Mode): Promise<Cleaning> {
  return { keep: await readKeep(reader), grace: readGrace(reader), undo: readUndo(reader, mode) }
}

async function readKeep(reader: Reader): Promise<Keep | undefined> {
  const text = reader.raw('keep')
  if (text.trim() === '') return undefined
  const { parseKeep } = await import(/* webpackChunkName: "keep" */ './keep.ts')
  return parseKeep(text, reader.mistake('keep'))
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function readGrace(reader: Reader): number {
  const text = reader.text('grace') || '24h'
  const [, number = '0', unit = 's'] = /^(\d{1,5})([smhd])$/.exec(text) ?? []
  reader.checked('grace', text, value => /^\d{1,5}[smhd]$/.test(value), 'a time such as `24h`, `90m` or `2d`')
  return Number(number) * (secondsOf[unit] ?? 1)
}

function readUndo(reader: Reader, mode: Mode): boolean {
  const undo = reader.flag('undo')
  if (undo && mode !== 'clean') reader.mistake('undo')('is only for mode `clean`')
  return undo
}
