import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { docker } from './engine.ts'
import { labName } from './place.ts'

export interface GitHubIssue {
  number: number
  title: string
  body: string
  state: 'open' | 'closed'
}

export interface GitHub {
  /** What GITHUB_API_URL is for machines of the lab. */
  api: string
  issues: GitHubIssue[]
  close(): void
}

/** As much of GitHub's API as Berth uses: the one thing that the lab can't have for real. It takes one `token` only. */
export async function github(token: string): Promise<GitHub> {
  const issues: GitHubIssue[] = []
  const server = createServer(async (incoming, outgoing) => {
    const answer = (status: number, body: unknown) => {
      outgoing.writeHead(status, { 'content-type': 'application/json' })
      outgoing.end(JSON.stringify(body))
    }
    if (incoming.headers.authorization !== `token ${token}`)
      return answer(401, { message: 'Bad credentials' })
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://github')
    const number = Number(/^\/repos\/octocat\/app\/issues(?:\/(\d+))?$/.exec(pathname)?.[1] ?? 0)
    const issue = issues.find(each => each.number === number)
    if (!pathname.startsWith('/repos/octocat/app/issues')) return answer(404, { message: 'Not Found' })
    if (incoming.method === 'GET') {
      return answer(
        200,
        searchParams.get('page') === '1' ? issues.filter(({ state }) => state === 'open') : [],
      )
    }
    const fields = (await json(incoming)) as Partial<GitHubIssue>
    if (incoming.method === 'PATCH' && issue) return answer(200, Object.assign(issue, fields))
    if (incoming.method !== 'POST' || number !== 0) return answer(404, { message: 'Not Found' })
    issues.push({ number: issues.length + 1, title: '', body: '', ...fields, state: 'open' })
    return answer(201, issues.at(-1))
  })
  await new Promise<void>(resolve => server.listen(0, '0.0.0.0', resolve))
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{end}}'
  const gateways = (await docker('network', 'inspect', '--format', format, labName)).split(' ')
  const gateway = gateways.find(each => /^\d+\./.test(each)) ?? '127.0.0.1'
  return {
    api: `http://${gateway}:${(server.address() as AddressInfo).port}`,
    issues,
    close: () => server.close(),
  }
}

async function json(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}
