/**
 * Foreign text for the log: what a server, a registry, a program or a file says. The runner takes a line that begins with `::`, even
 * after spaces, for a command, and `##[` anywhere in a line, and it ends lines at `\r` too. So text could stop the masking
 * of secrets, or save state for the post step. Everything that the log prints goes through here.
 */
export function plain(text: string): string {
  return (
    text
      .replace(/\r\n?|[\u0085\u2028\u2029\v\f]/g, '\n')
      // Escape sequences of terminals, and other control characters.
      .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|.)?/g, '')
      .replace(/[\0-\x08\x0e-\x1f\x7f-\x9f]/g, '�')
      .replace(/^(\s*):(?=:)/gm, '$1: ')
      .replace(/##(?=\[)/g, '## ')
  )
}
