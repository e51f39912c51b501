import { type Desired, ownAuth } from '../desired.ts'
import type { Reader } from './reader.ts'

/** Reads `page`: whether there is a page to browse. */
export function readPage(reader: Reader, registry: Desired['registry']): boolean {
  const page = reader.flag('page')
  if (page && ownAuth({ registry }))
    reader.mistake('page')(
      'needs users that nginx checks, but `registry-config` has an `auth` of its own; omit one of them',
    )
  if (page && registry.bucket?.redirect)
    reader.warning('page')(
      'can’t show platforms and labels together with `s3-redirect`: they are read from the bucket then, where the page may not look; omit `s3-redirect`, or accept “not readable here”',
    )
  return page
}
