import { Failure } from '../../failure.ts'

/** A folder above what the registry owns. */
export interface Folder {
  path: string
  /** Numeric user id. */
  owner: string
  /** Octal. */
  mode: string
}

/** Whoever may write to a parent of the directory could replace what root runs there, and nginx’s workers must be able to enter it. */
export function parentFailure({ path, owner, mode }: Folder, directory: string): Failure[] {
  const bits = Number.parseInt(mode, 8)
  const choose = 'choose another `directory`, such as /opt/berth'
  if (owner !== '0')
    return [
      new Failure(
        'folder',
        `the user ${owner} owns ${path} and could become root through it; make root its owner (\`chown root ${path}\`), or ${choose}`,
      ),
    ]
  if ((bits & 0o022) !== 0)
    return [
      new Failure(
        'folder',
        `users other than root can write to ${path} and could become root through it; forbid that (\`chmod go-w ${path}\`), or ${choose}`,
      ),
    ]
  // Only the registry has to reach images that are elsewhere.
  if ((bits & 0o001) === 0 && `${directory}/`.startsWith(path === '/' ? path : `${path}/`))
    return [
      new Failure(
        'folder',
        `nginx can’t get to ${directory}, for ${path} is closed to others; open it (\`chmod o+x ${path}\`), or ${choose}`,
      ),
    ]
  return []
}

/** Reads `UID MODE PATH`. */
export function folder(text: string): Folder {
  const [owner = '', mode = '', path = ''] = text.split(' ')
  return { owner, mode, path }
}
