import { getExecOutput } from '@actions/exec'
import { environment } from './process.ts'

/** How a program ended, and its output. */
export interface Output {
  /** 127 if there is no such program. */
  code: number
  stdout: string
  stderr: string
}

interface Options {
  input?: string
  /** In addition to the environment of every child. */
  env?: Record<string, string>
}

/**
 * Runs a short program, without a shell. `process.ts` is for programs that a cancelled job must end.
 */
export async function exec(
  program: string,
  args: readonly string[],
  { input, env }: Options = {},
): Promise<Output> {
  // The toolkit crashes if a program ends before it has read its input. `cat` always reads it.
  const [first, rest] =
    input === undefined ? [program, args] : ['sh', ['-c', 'cat | "$0" "$@"', program, ...args]]
  try {
    const { exitCode, stdout, stderr } = await getExecOutput(first, [...rest], {
      env: { ...environment(), ...env },
      ...(input !== undefined && { input: Buffer.from(input) }),
      ignoreReturnCode: true,
      // The toolkit would print the command line and the output.
      silent: true,
    })
    return { code: exitCode, stdout, stderr }
  } catch (error) {
    return { code: 127, stdout: '', stderr: (error as Error).message }
  }
}
