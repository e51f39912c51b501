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
    config: await readConfig(reader.raw('registry-config'), reader.mistake('registry-config')),
  }
}

async function readConfig(
  text: string,
  mistake: (sentence: string) => void,
): Promise<Record<string, unknown>> {
  if (text.trim() === '') return {}
  const { parse } = await import('yaml')
  try {
    // A key is what is written: `012` is no number.
    const config: unknown = parse(text, { stringKeys: true })
    if (isObject(config)) {
      checkHttp(config.http, mistake)
      return { ...config }
    }
    mistake('is not a YAML map')
  } catch (error) {
    mistake(`is not YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  return {}
}

/** nginx reaches the registry by a socket of Berth’s choosing, and speaks plain HTTP there, at the root. */
function checkHttp(http: unknown, mistake: (sentence: string) => void): void {
  if (!isObject(http)) return
  const given = ['addr', 'net', 'tls', 'prefix'].filter(key => http[key] !== undefined && http[key] !== null)
  for (const key of given) {
    mistake(
      `has \`http.${key}\`, which would keep nginx from reaching the registry; remove it${key === 'tls' ? ', for nginx does TLS' : ''}`,
    )
  }
}
