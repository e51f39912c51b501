import { spawnSync } from 'node:child_process'
import { library } from '../src/shell.ts'

/**
 * Runs lines of shell with libraries of src/ loaded, as on a server but on this machine and without root: what would change it
 * must be replaced by functions in `lines`.
 */
export function sh(
  libraries: readonly string[],
  lines: string,
  options: { env?: Record<string, string>; input?: string } = {},
): { code: number | null; stdout: string; stderr: string } {
  const script = `${libraries.map(library).join('\n')}\n${lines}\n`
  const env = { ...process.env, ...options.env }
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env,
    input: options.input ?? '',
  })
  return { code: status, stdout, stderr }
}
