/** Where to write on GitHub, and with which token. */
export interface Repository {
  /** `owner/name`. */
  name: string
  /** Base URL of GitHub's API. */
  api: string
  token: string
}

/** Milliseconds after which GitHub counts as down. */
const timeout = 60_000

/** GitHub’s API, the parameters of every route below `/repos`, and the login that the token belongs to: what it wrote is Berth’s. */
export async function connect({ name, api, token }: Repository) {
  const { getOctokit } = await import(/* webpackChunkName: "github" */ '@actions/github')
  const octokit = getOctokit(token, { baseUrl: api })
  // As an option it would take the place of all defaults of a request, among which is the way through the runner’s proxy.
  const signal = AbortSignal.timeout(timeout)
  octokit.hook.before('request', options => {
    options.request.signal = signal
  })
  const [owner = '', repo = ''] = name.split('/')
  // A workflow's own token can't read `/user`. This query works, and answers `github-actions[bot]`.
  const { viewer } = await octokit.graphql<{ viewer: { login: string } }>('{ viewer { login } }')
  return { octokit, repository: { owner, repo }, login: viewer.login }
}

/** Pages of a hundred entries that are searched at most. */
const depth = 10

/** The first entry of a list for which `is` returns true. */
export async function findEntry<Entry>(
  pages: AsyncIterable<{ data: Entry[] }>,
  is: (entry: Entry) => boolean,
): Promise<Entry | undefined> {
  let page = 0
  for await (const { data } of pages) {
    const found = data.find(is)
    page += 1
    if (found || page === depth) return found
  }
  return undefined
}

/** Whether GitHub has this text already. It may return it with other line endings. */
export function isSame(there: string | null | undefined, text: string): boolean {
  return there?.replaceAll('\r', '').trimEnd() === text.trimEnd()
}
