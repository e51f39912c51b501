import { createTwoFilesPatch } from 'diff'

/**
 * A unified diff of a text file that Berth writes, for the log and for pull requests. A person may have put a password in a comment
 * or an option of the file that was there before. So a line is shown only if Berth wrote it. Of the others the diff shows only
 * that they exist. Berth's own config.yml may have secrets from `registry-config`, so its values are shown only for keys that
 * are known to be harmless.
 */
export function diff({ path, before, after }: { path: string; before: string; after: string }): string {
  const own = new Set(after.split('\n'))
  const shown = (text: string) => (path.endsWith('/config.yml') ? withoutValues(text) : text).split('\n')
  const is = shown(after).join('\n')
  const all = before.split('\n')
  const was = shown(before)
    .map((line, index) => (own.has(all[index] ?? '') ? line : hidden(line)))
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

/** The text of a config.yml, with values only where they are known to be harmless. */
function withoutValues(text: string): string {
  // A value of several lines goes on for as long as they are indented further than its key. Any of them may look like a setting.
  let column = Number.POSITIVE_INFINITY
  const lines = text.split('\n').map(line => {
    const [indent = ''] = /^\s*/.exec(line) ?? []
    if (line.trim() === '') return line
    if (indent.length > column) return hidden(line)
    const [, start = indent, key = '', value = line] = /^(\s*(?:- )?)([\w.-]+):(.*)$/.exec(line) ?? []
    column = value === '' ? Number.POSITIVE_INFINITY : start.length
    if (key === '') return /^\s*- nosniff$/.test(line) ? line : hidden(line)
    // A URL such as `remoteurl` may have a password in it, before an @.
    return value === '' || (harmless.has(key) && !value.includes('@')) ? line : `${start}${key}: [not shown]`
  })
  return lines.join('\n')
}
