import type { Listener } from '../converge/listener.ts'
import { Failure } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { Endpoint } from '../registry/endpoint.ts'
import type { Repository } from '../report/github.ts'
import type { Server } from '../server/server.ts'

/** What a mode works with besides its inputs. */
export interface Context {
  /** Where Berth may write on the runner; readable by nobody else. */
  folder: string
  listener: Listener
  /** The listener for one of several servers that are worked on at the same time; its lines begin with `column`. */
  beside(server: string, column: string): Listener
  /** One for each target in the inputs. */
  servers: readonly Server[]
  /** Says when the job is cancelled. */
  cancelled: AbortSignal
  /** Puts a phase of the work into a group of the log. */
  group<Result>(title: string, work: () => Promise<Result>): Promise<Result>
  /** Tells the post step to remove a file from the runner. */
  leaves(file: string): void
  /** The workflow’s repository, if it has one; `pull` is the number of the pull request that it runs for. */
  github: { name: string; api: string; pull: number | undefined } | undefined
}

/** Keeps connections to the registry open while `work` runs. */
export async function onEndpoint<Result>(
  { desired: { domain, acme } }: Inputs,
  work: (endpoint: Endpoint) => Promise<Result>,
): Promise<Result> {
  const endpoint = new Endpoint(domain, acme.ca)
  try {
    return await work(endpoint)
  } finally {
    endpoint.close()
  }
}

/**
 * Writes on GitHub, if there is a token. `work` returns what it did. Failing to write is only a warning, because it must not
 * hide the state of the server.
 */
export async function onGitHub(
  { githubToken: token }: Inputs,
  { github, listener }: Context,
  what: string,
  permission: 'issues' | 'pull-requests',
  work: (repository: Repository) => Promise<string | undefined>,
): Promise<void> {
  if (token === undefined || github === undefined) return
  try {
    const done = await work({ ...github, token })
    if (done) listener.said(done)
  } catch (error) {
    // Where nobody answers, the toolkit says 500 too.
    const { message, status = 0 } = error as Error & { status?: number }
    const advice =
      status >= 500
        ? `is GitHub at work, and does this runner reach ${github.api}, by HTTPS_PROXY if it has to? The next run tries again`
        : status === 422
          ? 'GitHub refuses the text; report this as a bug, please'
          : `does \`github-token\` have \`${permission}: write\`? (In a pull request from a fork it never has.)`
    listener.warned(new Failure('github', `${what} can’t be updated: ${message}; ${advice}`))
  }
}
