import { readFileSync } from 'node:fs'

/**
 * A call of a shell function in one of the `.sh` files of this folder.
 *
 * Arguments of a *function* stay inside the shell: unlike those of a program, they never show in a process list.
 */
export type Call = readonly [name: string, ...arguments_: string[]]

/** Quotes a string for a POSIX shell. A NUL byte can't be passed to a shell at all. */
export function quote(text: string): string {
  if (text.includes('\0')) throw new Error('a NUL byte can’t be sent to a shell')
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** A call as a line of shell. */
export function line(call: Call): string {
  return call.map(quote).join(' ')
}

/**
 * One script out of shell libraries and the lines that use them.
 *
 * Everything is inside `main`, which is called in the last line: a shell that reads from a connection runs what it has
 * got so far, so without this a script that is cut off in transfer would run in part. It begins with an empty line, for
 * a login file may have printed something and left the line unfinished. Nothing in it reads what comes after it.
 */
export function compose(libraries: readonly string[], body: readonly string[]): string {
  return ['main() {', ...libraries.map(library), 'echo', ...body, '}', 'main "$@" </dev/null', ''].join('\n')
}

/** The code of a program for servers below this folder: `NAME.sh`, unless the name has an ending of its own. */
export function library(name: string): string {
  const file = /\.\w+$/.test(name) ? name : `${name}.sh`
  return withoutComments(readFileSync(new URL(`./${file}`, import.meta.url), 'utf8'))
}

/** What is in a file that Berth writes on a server, for people who come across it there. */
export const notice = '# Written by Berth, which undoes changes made here.'

/**
 * Comments of the sources stay here: a server must not be changed, let alone restart anything, because one of them was. What
 * they tell shellcheck goes along, and so does the first line of a script.
 */
export function withoutComments(text: string): string {
  return text.replace(/^[ \t]*#(?! shellcheck ).*\n/gm, '').replace(/\n{3,}/g, '\n\n')
}
