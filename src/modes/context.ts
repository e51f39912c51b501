import type { Listener } from '../converge/converge.ts'
import { Failure } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { Endpoint } from '../registry/endpoint.ts'
import type { Repository } from '../report/github.ts'
import type { Server } from '../server/server.ts'

/** What a mode has to work with besides its inputs. */
export interface Context {
  /** Where Berth may write on the runner; readable by nobody else. */
  folder: string
  listener: Listener
  /** `undefined` in mode `push`, which needs none. */
  server: Server | undefined
  /** Says when the job is cancelled. */
  cancelled: AbortSignal
  /** Puts a phase of the work into a group of the log. */
  group<Result>(title: string, work: () => Promise<Result>): Promise<Result>
  /** Tells the post step of a file on the runner that must not stay. */
  leaves(file: string): void
  /** The repository that the workflow belongs to, if it belongs to one; `pull` is the pull request that it runs for. */
  github: { name: string; api: string; pull: number | undefined } | undefined
}

/** Keeps the connection to the server for as long as `work` takes. */
export async function onServer<Result>(
  { server }: Context,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  if (!server) throw new Failure('input', 'this mode needs a server; give the `ssh-*` inputs')
  try {
    return await work(server)
  } finally {
    await server.close()
  }
}

/** Keeps connections to the registry for as long as `work` takes. */
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
 * Writes on GitHub, if there is a token. `work` returns what it did. That it can’t be done is a warning: it must not hide
 * how the server is.
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
    listener.warned(
      new Failure(
        'github',
        `${what} can’t be updated: ${(error as Error).message}; does \`github-token\` have \`${permission}: write\`? (In a pull request from a fork it never has.)`,
      ),
    )
  }
}
