import { type Desired, defaultImage } from '../desired.ts'
import { asFailure } from '../failure.ts'
import { isObject } from '../json.ts'
import { readBucket } from './bucket.ts'
import type { Reader } from './reader.ts'

/** Reads the `registry-*` inputs. */
export async function readRegistry(reader: Reader): Promise<Desired['registry']> {
  const config = await readConfig(reader.raw('registry-config'), reader.mistake('registry-config'))
  return {
    image: reader.checked(
      'registry-image',
      reader.text('registry-image') || defaultImage,
      value => /^[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?$/.test(value),
      'the reference of an image',
    ),
    config,
    bucket: readBucket(reader, config),
  }
}

async function readConfig(
  text: string,
  mistake: (sentence: string) => void,
): Promise<Record<string, unknown>> {
  if (text.trim() === '') return {}
  const { parseDocument, visit } = await import(/* webpackChunkName: "yaml" */ 'yaml')
  try {
    // Keys are text: `012` is not a number.
    const document = parseDocument(text, { stringKeys: true, logLevel: 'error' })
    const [error] = document.errors
    if (error) throw error
    visit(document, { Scalar: (_, scalar) => asWritten(scalar) })
    const config: unknown = document.toJS()
    if (isObject(config)) {
      checkHttp(config.http, mistake)
      checkEndpoint(config.storage, mistake)
      checkFolder(config.storage, mistake)
      return { ...config }
    }
    mistake('is not a YAML map')
  } catch (error) {
    mistake(`is not YAML: ${asFailure(error).message.split('\n')[0]}`)
  }
  return {}
}

/** Keeps the text of what would be another one as a number: a key such as `0123` or `1e10`, or one with twenty digits. */
function asWritten(scalar: { value: unknown; source?: string }): void {
  if (
    typeof scalar.value === 'number' &&
    scalar.source !== undefined &&
    String(scalar.value) !== scalar.source
  )
    scalar.value = scalar.source
}

/** nginx speaks plain HTTP to the registry, through a socket that Berth chooses, and without a path before it. */
function checkHttp(http: unknown, mistake: (sentence: string) => void): void {
  if (http === undefined) return
  if (!isObject(http)) {
    mistake('has an `http` that is not a map; remove it, or write what is to be set below it')
    return
  }
  // `null` removes a setting, which does no harm where Berth has none.
  const given = ['addr', 'net', 'tls', 'prefix'].filter(
    key => http[key] !== undefined && (http[key] !== null || ['addr', 'net'].includes(key)),
  )
  for (const key of given) {
    mistake(
      `has \`http.${key}\`, which would keep nginx from reaching the registry; remove it${key === 'tls' ? ' (nginx does TLS)' : ''}`,
    )
  }
}

/** The container can write nowhere else, and what it writes to its `/tmp` is gone after a restart. */
function checkFolder(storage: unknown, mistake: (sentence: string) => void): void {
  const disk = isObject(storage) && isObject(storage.filesystem) ? storage.filesystem : {}
  const { rootdirectory } = disk
  if (rootdirectory === undefined || rootdirectory === null) return
  if (/^\/var\/lib\/registry(\/|$)/.test(String(rootdirectory))) return
  mistake(
    `has \`storage.filesystem.rootdirectory: ${rootdirectory}\`, which is not on the server’s disk but in the registry’s container; omit it, and set \`directory\` to say where images are`,
  )
}

/** The plan names the endpoint of a bucket, and must not show a password. */
function checkEndpoint(storage: unknown, mistake: (sentence: string) => void): void {
  const s3 = isObject(storage) && isObject(storage.s3) ? storage.s3 : {}
  if (!String(s3.regionendpoint ?? '').includes('@')) return
  mistake(
    'has a user name or a password before the @ in `storage.s3.regionendpoint`; write the URL without it, and give the keys as `accesskey` and `secretkey`',
  )
}
