import { type Desired, onDisk } from '../../desired.ts'
import { isObject } from '../../json.ts'
import { socket } from '../names.ts'

/** Where the page’s things are on the server. */

export function pageFolder(directory: string): string {
  return `${directory}/page`
}

/** The socket at which nginx reaches the service. */
export function catalogSocket({ directory }: Pick<Desired, 'directory'>): string {
  return `${directory}/run/page.sock`
}

/** What the service reads: the folder with the images or, if they are elsewhere, the registry’s socket. */
export function source(desired: Pick<Desired, 'directory' | 'registry'>): string {
  const { storage } = desired.registry.config
  const filesystem = isObject(storage) && isObject(storage.filesystem) ? storage.filesystem : {}
  const folder = onDisk(desired) && filesystem.rootdirectory === undefined
  return folder ? `${desired.directory}/data/docker/registry/v2/repositories` : `unix:${socket(desired)}`
}
