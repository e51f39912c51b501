import { spawnSync } from 'node:child_process'
import { library } from '../src/shell.ts'

/**
 * Runs lines of shell with libraries of src/ loaded, as on a server but on this machine and without root: what would change it
 * must be replaced by functions in `lines`. `root` is a folder that has what the libraries look for in /etc and /run.
 */
export function sh(
  libraries: readonly string[],
  lines: string,
  options: { env?: Record<string, string>; input?: string; root?: string } = {},
): { code: number | null; stdout: string; stderr: string } {
  const { root = '' } = options
  const loaded = libraries.map(library).join('\n')
  // Not what is below another folder, as in `$directory/run/`.
  const script = `${loaded.replace(/(?<![\w}])\/(?=(etc|run)\/)/g, `${root}/`)}\n${lines}\n`
  const env = { ...process.env, ...options.env }
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env,
    input: options.input ?? '',
  })
  return { code: status, stdout, stderr }
}
