import type { Desired } from '../desired.ts'
import { isObject } from '../json.ts'
import type { Reader } from './reader.ts'

/** Reads the `registry-*` inputs. */
export async function readRegistry(reader: Reader): Promise<Desired['registry']> {
  return {
    image: reader.checked(
      'registry-image',
      reader.text('registry-image') || 'registry:3.1.2',
      value => /^[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?$/.test(value),
      'the reference of an image',
    ),
    port: reader.integer('registry-port', 1, 65535),
    config: await readConfig(reader.raw('registry-config'), reader.mistake('registry-config')),
  }
}

async function readConfig(
  text: string,
  mistake: (message: string) => void,
): Promise<Record<string, unknown>> {
  if (text.trim() === '') return {}
  const { parse } = await import('yaml')
  try {
    const config: unknown = parse(text)
    if (isObject(config)) return config
    mistake('is not a YAML map')
  } catch (error) {
    mistake(`is not YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  return {}
}
