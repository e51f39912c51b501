/** Where to write on GitHub, and as whom. */
export interface Repository {
  /** `owner/name`. */
  name: string
  /** Base URL of GitHub's API. */
  api: string
  token: string
}

interface Issue {
  number: number
  body: string | null
  /** Only a pull request has it; the API lists both. */
  pull_request?: unknown
}

/** Pages of a hundred open issues that are looked through. */
const pages = 10

/**
 * One issue is open while the certificate of `domain` is at risk. It is known by an invisible mark in its text, so that its
 * title and labels are free to be changed. `trouble` is a sentence; `undefined` closes the issue.
 * Returns what was done, in a sentence, or `undefined` if nothing was to be done.
 */
export async function keepIssue(
  repository: Repository,
  domain: string,
  trouble: string | undefined,
  expires: Date | undefined,
): Promise<string | undefined> {
  const { getOctokit } = await import('@actions/github')
  const octokit = getOctokit(repository.token, { baseUrl: repository.api })
  const [owner = '', repo = ''] = repository.name.split('/')
  const mark = `<!-- berth certificate ${domain} -->`
  const issue = await find()
  if (trouble === undefined) {
    if (!issue) return undefined
    const body = `The certificate of ${domain} is well again${expires ? `, and valid until ${expires.toISOString()}` : ''}.\n\n${mark}\n`
    await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
      ...{ owner, repo, issue_number: issue.number, body },
      ...{ state: 'closed', state_reason: 'completed' },
    })
    return `closed issue #${issue.number}`
  }
  const body = `${trouble}\n\nThis issue is kept up to date, and closed when the certificate is well again.\n\n${mark}\n`
  if (!issue) {
    const title = `The certificate of ${domain} is at risk`
    const { data } = await octokit.request('POST /repos/{owner}/{repo}/issues', { owner, repo, title, body })
    return `opened issue #${data.number}`
  }
  if (issue.body?.replaceAll('\r', '') === body) return undefined
  await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
    ...{ owner, repo, issue_number: issue.number, body },
  })
  return `updated issue #${issue.number}`

  async function find(): Promise<Issue | undefined> {
    for (let page = 1; page <= pages; page++) {
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/issues', {
        ...{ owner, repo, state: 'open', sort: 'created', direction: 'desc', per_page: 100, page },
      })
      const found = data.find(each => !each.pull_request && each.body?.includes(mark))
      if (found) return { number: found.number, body: found.body ?? null }
      if (data.length < 100) return undefined
    }
    return undefined
  }
}
