import { Failure } from '../failure.ts'
import type { Step } from '../resources/resource.ts'
import type { Retention } from '../retention/retention.ts'
import { diff } from './diff.ts'
import { connect, findEntry, isSame, type Repository } from './github.ts'
import { fenced, html } from './markdown.ts'
import { place, planLine } from './outcome.ts'
import { retentionComment } from './retention.ts'

/** Characters for the plan. GitHub takes 65,536 in one comment, including the mark and the note. */
const room = 65_536 - 1_000

/** Characters of these for the list of changes. The rest is for the diffs of files. */
const roomForList = 20_000

/**
 * Keeps one comment on a pull request that says what `up` would do to the server of `domain`. It is recognized by an invisible mark at
 * its beginning and by its author, because anybody can write such a mark. The plan of a workflow that cleans up has a mark of its own,
 * so that it and the plan of the one that sets up don't overwrite each other. Returns what was done; `undefined` if nothing was.
 */
export async function keepComment(
  to: Repository,
  pull: number,
  domain: string,
  cleans: boolean,
  text: string,
): Promise<string | undefined> {
  const { octokit, repository, login } = await connect(to)
  const mark = `<!-- berth plan ${domain}${cleans ? ' keep' : ''} -->`
  const body = `${mark}\n${text}`
  const comments = octokit.paginate.iterator('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', {
    ...repository,
    ...{ issue_number: pull, per_page: 100 },
  })
  const comment = await findEntry(
    comments,
    ({ user, body }) => user?.login === login && !!body?.startsWith(mark),
  )
  if (!comment) {
    await octokit.request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', {
      ...repository,
      ...{ issue_number: pull, body },
    })
    return `wrote the plan into a comment on pull request #${pull}`
  }
  if (isSame(comment.body, body)) return undefined
  await octokit.request('PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', {
    ...repository,
    ...{ comment_id: comment.id, body },
  })
  return `updated the comment on pull request #${pull}`
}

/**
 * The plan in Markdown: every change, a folded diff of each text file, and what `keep` means, or why that can’t be told. What is too
 * long is only in the log.
 */
export function planComment(domain: string, steps: readonly Step[], retention?: Retention | Failure): string {
  const images = retention === undefined ? '' : `\n${imagesPart(retention)}`
  if (steps.length === 0)
    return `${title(domain)}There is nothing to do: the server is as it should be.\n${images}`
  const lines = steps.flatMap(step => [
    ...step.changes.map(change => planLine(place(step), change)),
    ...(step.keeps ? [`= ${place(step)}: ${step.keeps}`] : []),
  ])
  const list = shortened(lines, roomForList)
  const details = steps
    .flatMap(({ changes }) => changes)
    .flatMap(({ file }) =>
      file ? [folded(file.path, fenced(diff(file).replace(/^ {2}/gm, ''), 'diff'))] : [],
    )
  let text = `${title(domain)}Mode \`up\` would change this:\n\n${fenced(list.join('\n'), 'diff')}`
  let missing = lines.length - list.length
  const note = 'The plan is too long for a comment; the log of the step has all of it.\n'
  for (const each of details) {
    if (text.length + each.length + images.length <= room) text += each
    else missing += 1
  }
  return (missing > 0 ? `${text}\n${note}` : text) + images
}

function imagesPart(retention: Retention | Failure): string {
  return retention instanceof Failure
    ? `Mode \`clean\` would delete nothing:\n\n${fenced(retention.message.slice(0, roomForList))}`
    : retentionComment(retention, room / 2)
}

/** Says that there is no plan, in place of an older plan that may no longer be true. */
export function failureComment(domain: string, failure: string): string {
  return `${title(domain)}There is no plan:\n\n${fenced(failure.slice(0, roomForList))}`
}

function title(domain: string): string {
  return `## ⚓ ${domain}\n\n`
}

/** As many of the lines as fit. */
function shortened(lines: readonly string[], characters: number): string[] {
  let left = characters
  return lines.filter(line => {
    left -= line.length + 1
    return left >= 0
  })
}

function folded(heading: string, text: string): string {
  return `\n<details><summary><code>${html(heading)}</code></summary>\n\n${text}\n</details>\n`
}
