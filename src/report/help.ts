import { type Failure, topics } from '../failure.ts'

/** What GitHub makes of a heading to link to it. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * A page of docs/ on GitHub, as of the version of Berth that runs: `env` tells where that came from. Without it, as in
 * a local run or with `uses: ./`, it is the path.
 */
export function page(file: string, env: Record<string, string | undefined>): string {
  const { GITHUB_SERVER_URL: server, GITHUB_ACTION_REPOSITORY: repository, GITHUB_ACTION_REF: ref } = env
  return server && repository ? `${server}/${repository}/blob/${ref || 'HEAD'}/docs/${file}` : `docs/${file}`
}

/** The page that explains a failure. */
export function helpFor({ topic }: Failure, env: Record<string, string | undefined>): string {
  return page('troubleshooting.md', env) + (topic === undefined ? '' : `#${anchor(topics[topic])}`)
}
