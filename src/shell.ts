import { readFileSync } from 'node:fs'

/**
 * A call of a shell function in one of the `.sh` files below this folder.
 *
 * Arguments of a *function* stay inside the shell: unlike those of a program, they never appear in a process list.
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
 * Everything is inside `main`, which the last line calls. A shell that reads from a connection runs each line as it arrives,
 * so a script that was cut off in transfer would otherwise run in part. `echo` comes first because a login file may have
 * left its last line unfinished. `main` has no input, so that nothing in it can read what comes after the script.
 * The umask is the script's own: a login may have set any, and sudo-rs before 0.2.7 keeps the user's, which may let a group
 * write what root makes.
 */
export function compose(libraries: readonly string[], body: readonly string[]): string {
  return [
    'main() {',
    ...libraries.map(library),
    'umask 022',
    'echo',
    ...body,
    '}',
    'main "$@" </dev/null',
    '',
  ].join('\n')
}

/** The code of a program that runs on servers: `NAME.sh` below this folder, unless the name has another ending. */
export function library(name: string): string {
  const file = /\.\w+$/.test(name) ? name : `${name}.sh`
  return withoutComments(readFileSync(new URL(`./${file}`, import.meta.url), 'utf8'))
}

/** The unchanged text of a file below this folder, for what is not a program for servers. */
export function asset(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8')
}

/** Begins the files that Berth writes on a server, for people who come across them. */
export const notice = '# Written by Berth, which undoes changes made here.'

/**
 * Removes comments, because a changed comment must not change a file on a server, let alone restart anything there. Directives
 * for shellcheck stay.
 */
export function withoutComments(text: string): string {
  return text.replace(/^[ \t]*#(?! shellcheck ).*\n/gm, '').replace(/\n{3,}/g, '\n\n')
}
