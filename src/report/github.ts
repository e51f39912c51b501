/** Where to write on GitHub, and as whom. */
export interface Repository {
  /** `owner/name`. */
  name: string
  /** Base URL of GitHub's API. */
  api: string
  token: string
}

/** Milliseconds after which GitHub counts as out of order. */
const timeout = 60_000

/** GitHub’s API, the parameters that every route below `/repos` wants, and whose token it is: who writes there is Berth. */
export async function connect({ name, api, token }: Repository) {
  const { getOctokit } = await import('@actions/github')
  const octokit = getOctokit(token, { baseUrl: api, request: { signal: AbortSignal.timeout(timeout) } })
  const [owner = '', repo = ''] = name.split('/')
  // A workflow's own token can't ask for `/user`; this it can, and is told `github-actions[bot]`.
  const { viewer } = await octokit.graphql<{ viewer: { login: string } }>('{ viewer { login } }')
  return { octokit, repository: { owner, repo }, login: viewer.login }
}

/** Pages that are looked through, of a hundred entries each. */
const depth = 10

/** The first entry of a list that `is` the one looked for. */
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

/** Whether GitHub has this text already; it may give it back with other line ends. */
export function isSame(there: string | null | undefined, text: string): boolean {
  return there?.replaceAll('\r', '').trimEnd() === text.trimEnd()
}
