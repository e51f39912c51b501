import { gunzipSync } from 'node:zlib'
import { Failure } from '../failure.ts'

/** Bytes of a list of images: one of a million layers takes half of that. */
const maxOutputLength = 256 << 20

/** Reads what a server has packed with gzip and base64. A server can pack a thousandfold of what it sends, so there is a limit. */
export function unpack(text: string | undefined): string {
  try {
    return gunzipSync(Buffer.from(text ?? '', 'base64'), { maxOutputLength }).toString()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new Failure(
        'keep',
        'the server’s list of images has no end; look at the folders in `data/docker/registry/v2` there',
      )
    throw new Failure('connectionLost', 'the server’s answer was cut off; run the workflow again')
  }
}
