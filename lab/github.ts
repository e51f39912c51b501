import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gateway } from './network.ts'

interface GitHubIssue {
  number: number
  title: string
  body: string
  state: 'open' | 'closed'
  user: { login: string }
}

interface GitHubComment {
  id: number
  /** Of the issue or pull request that it is on. */
  issue: number
  body: string
  user: { login: string }
}

export interface GitHub {
  /** What GITHUB_API_URL is for machines of the lab. */
  api: string
  issues: GitHubIssue[]
  comments: GitHubComment[]
  /** Method and path of each request that wants to write. */
  writes: string[]
  /** The token may only read, as that of a pull request from a fork. */
  readOnly: boolean
  close(): void
}

/** Who writes with a workflow’s own token. */
const user = { login: 'github-actions[bot]' }

/**
 * As much of GitHub's API as Berth uses: the one thing that the lab can't have for real. It takes one `token` only.
 * `host` is this machine's name for who asks: its address in the lab's network unless told.
 */
export async function github(token: string, host?: string): Promise<GitHub> {
  const issues: GitHubIssue[] = []
  const comments: GitHubComment[] = []
  const server = createServer(async (incoming, outgoing) => {
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      outgoing.writeHead(status, { 'content-type': 'application/json', ...headers })
      outgoing.end(JSON.stringify(body))
    }
    const url = new URL(incoming.url ?? '', `http://${incoming.headers.host}`)
    /** One page, with the link to the next that GitHub gives. */
    const list = (entries: unknown[]) => {
      const size = Number(url.searchParams.get('per_page') ?? 30)
      const page = Number(url.searchParams.get('page') ?? 1)
      url.searchParams.set('page', String(page + 1))
      const more = entries.length > page * size
      answer(200, entries.slice((page - 1) * size, page * size), more ? { link: `<${url}>; rel="next"` } : {})
    }
    if (incoming.headers.authorization !== `token ${token}`)
      return answer(401, { message: 'Bad credentials' })
    const { method = '' } = incoming
    if (url.pathname === '/graphql') return answer(200, { data: { viewer: user } })
    const [path, ...rest] = /^\/repos\/octocat\/app\/issues(?:\/(.*))?$/.exec(url.pathname) ?? []
    if (path === undefined) return answer(404, { message: 'Not Found' })
    const [first = '', second = ''] = (rest[0] ?? '').split('/')
    if (method !== 'GET') {
      hub.writes.push(`${method} ${url.pathname}`)
      if (hub.readOnly) return answer(403, { message: 'Resource not accessible by integration' })
    }
    const fields = method === 'GET' ? {} : ((await json(incoming)) as object)
    switch (`${method} ${first.replace(/^\d+$/, 'N')} ${second.replace(/^\d+$/, 'N')}`.trim()) {
      case 'GET':
        return list(issues.filter(({ state }) => state === 'open'))
      case 'POST':
        issues.push({ number: issues.length + 1, title: '', body: '', ...fields, state: 'open', user })
        return answer(201, issues.at(-1))
      case 'PATCH N': {
        const issue = issues.find(({ number }) => number === Number(first))
        return issue ? answer(200, Object.assign(issue, fields)) : answer(404, { message: 'Not Found' })
      }
      case 'GET N comments':
        return list(comments.filter(({ issue }) => issue === Number(first)))
      case 'POST N comments':
        comments.push({ id: comments.length + 1, issue: Number(first), body: '', ...fields, user })
        return answer(201, comments.at(-1))
      case 'PATCH comments N': {
        const comment = comments.find(({ id }) => id === Number(second))
        return comment ? answer(200, Object.assign(comment, fields)) : answer(404, { message: 'Not Found' })
      }
      default:
        return answer(404, { message: 'Not Found' })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  const hub: GitHub = {
    api: `http://${host ?? (await gateway())}:${(server.address() as AddressInfo).port}`,
    issues,
    comments,
    writes: [],
    readOnly: false,
    close: () => server.close(),
  }
  return hub
}

async function json(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}
