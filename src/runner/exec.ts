import { getExecOutput } from '@actions/exec'
import { environment } from './process.ts'

/** How a program ended, and what it said. */
export interface Output {
  /** 127 if there is no such program. */
  code: number
  stdout: string
  stderr: string
}

/**
 * Runs a program without a shell, for moments only. `process.ts` is for those that a cancelled job must end. It has no input: the
 * toolkit hears of no error there, so a program that ends before it has read all would end this run too.
 */
export async function exec(program: string, args: readonly string[]): Promise<Output> {
  try {
    const { exitCode, stdout, stderr } = await getExecOutput(program, [...args], {
      env: environment(),
      ignoreReturnCode: true,
      // The toolkit would print the command line and all that is said.
      silent: true,
    })
    return { code: exitCode, stdout, stderr }
  } catch (error) {
    return { code: 127, stdout: '', stderr: (error as Error).message }
  }
}
