/**
 * The lines by which a script on the server speaks to the runner, among all that programs print: `berth:NAME=VALUE`, or
 * `berth:NAME`. `protocol.sh` is the other side.
 */
export interface Marker {
  name: string
  value: string
}

const prefix = 'berth:'

/** A line of the protocol; the value must have no line break. */
export function marker(name: string, value?: string): string {
  return prefix + name + (value === undefined ? '' : `=${value}`)
}

/** Reads a line of the protocol; `undefined` for any other line. */
export function readMarker(line: string): Marker | undefined {
  const [, name, value = ''] = /^berth:([\w.@-]+)(?:=(.*))?$/.exec(line) ?? []
  return name === undefined ? undefined : { name, value }
}

export function isMarker(line: string): boolean {
  return line.startsWith(prefix)
}

/** The value of the last line with a name; `undefined` if there is none. */
export function lastMarker(text: string, name: string): string | undefined {
  const start = marker(name, '')
  return text
    .split('\n')
    .findLast(line => line.startsWith(start))
    ?.slice(start.length)
}
