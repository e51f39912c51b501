import { connect, findEntry, isSame, type Repository } from './github.ts'
import { fenced, inline } from './markdown.ts'

/** Characters for what is wrong. GitHub takes 65,536 in all, and escaping makes a text longer. */
const room = 20_000

/**
 * Keeps one issue open while the certificate of `domain` is at risk. It is recognized by an invisible mark in its text and by its
 * author, so people may change its title and labels. `risk` is a sentence; `undefined` closes the issue. Returns a sentence
 * about what was done; `undefined` if nothing was.
 */
export async function keepIssue(
  to: Repository,
  domain: string,
  risk: string | undefined,
  expires: Date | undefined,
): Promise<string | undefined> {
  const { octokit, repository, login } = await connect(to)
  const mark = `<!-- berth certificate ${domain} -->`
  const issues = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues', {
    ...repository,
    ...{ state: 'open', sort: 'created', direction: 'desc', per_page: 100 },
  })
  // The API also lists pull requests.
  const issue = await findEntry(
    issues,
    ({ user, body, pull_request }) => !pull_request && user?.login === login && !!body?.includes(mark),
  )
  if (risk === undefined) {
    if (!issue) return undefined
    const body = `The certificate of ${domain} is fine again${expires ? `, and valid until ${expires.toISOString()}` : ''}.\n\n${mark}\n`
    await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
      ...repository,
      ...{ issue_number: issue.number, body, state: 'closed', state_reason: 'completed' },
    })
    return `closed issue #${issue.number}`
  }
  const [sentence = '', ...words] = risk.slice(0, room).split('\n')
  const text =
    words.length === 0 ? inline(sentence) : `${inline(sentence)}\n\n${fenced(words.join('\n'), 'text')}`
  const body = `${text}\n\nThis issue is kept up to date, and closed when the certificate is well again.\n\n${mark}\n`
  if (!issue) {
    const title = `The certificate of ${domain} is at risk`
    const { data } = await octokit.request('POST /repos/{owner}/{repo}/issues', {
      ...repository,
      ...{ title, body },
    })
    return `opened issue #${data.number}`
  }
  if (isSame(issue.body, body)) return undefined
  await octokit.request('PATCH /repos/{owner}/{repo}/issues/{issue_number}', {
    ...repository,
    ...{ issue_number: issue.number, body },
  })
  return `updated issue #${issue.number}`
}
