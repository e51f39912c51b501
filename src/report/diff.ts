import { createTwoFilesPatch } from 'diff'

/**
 * A unified diff of a text file that Berth writes, for the log and for pull requests. A person may have put a password in a comment
 * or an option of the file that was there before. So a line is shown only if Berth wrote it. Of the others the diff shows only
 * that they exist. Berth's own config.yml may have secrets from `registry-config`, so its values are shown only for keys that
 * are known to be harmless.
 */
export function diff({ path, before, after }: { path: string; before: string; after: string }): string {
  const own = new Set(after.split('\n'))
  const show = path.endsWith('/config.yml') ? withoutValues : (line: string) => line
  const is = after.split('\n').map(show).join('\n')
  const was = before
    .split('\n')
    .map(line => (own.has(line) ? show(line) : hidden(line)))
    .join('\n')
  if (was === is) return `  ${path}: only values that are not shown differ`
  return createTwoFilesPatch(before === '' ? '/dev/null' : path, path, was, is, undefined, undefined, {
    context: 3,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  })
    .trimEnd()
    .replace(/^/gm, '  ')
}

/** A line that is not Berth's: its indentation, without its text. */
function hidden(line: string): string {
  return line.trim() === '' ? line : `${/^\s*/.exec(line)?.[0] ?? ''}[not shown]`
}

/** Keys of the registry's configuration whose values are never secret. */
const harmless = new Set(
  (
    'version log level formatter disabled storage filesystem rootdirectory maxthreads cache blobdescriptor delete enabled ' +
    'redirect disable maintenance uploadpurging age interval dryrun readonly http net addr relativeurls draintimeout headers ' +
    'X-Content-Type-Options health storagedriver threshold s3 bucket region regionendpoint forcepathstyle secure v4auth ' +
    'chunksize encrypt storageclass validation proxy remoteurl ttl notifications endpoints timeout backoff'
  ).split(' '),
)

/** URLs such as `remoteurl` may have a password in them. */
const password = /\/\/[^\s/@]*@/

function withoutValues(line: string): string {
  const [, start = '', key = '', value = ''] = /^(\s*(?:- )?)([\w.-]+):(.*)$/.exec(line) ?? []
  if (key === '') return /^\s*- nosniff$/.test(line) || line.trim() === '' ? line : hidden(line)
  return value === '' || (harmless.has(key) && !password.test(value)) ? line : `${start}${key}: [not shown]`
}
