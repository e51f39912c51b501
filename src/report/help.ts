import { type Failure, topics } from '../failure.ts'

/** The fragment by which GitHub links to a heading. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * The URL of a page of docs/ on GitHub, in the version of Berth that runs. `env` says where that came from. Without that, as in a
 * local run or with `uses: ./`, it is only the path.
 */
export function page(file: string, env: Record<string, string | undefined>): string {
  const { GITHUB_SERVER_URL: server, GITHUB_ACTION_REPOSITORY: repository, GITHUB_ACTION_REF: ref } = env
  return server && repository ? `${server}/${repository}/blob/${ref || 'HEAD'}/docs/${file}` : `docs/${file}`
}

/** The page that explains a failure. */
export function helpFor({ topic }: Failure, env: Record<string, string | undefined>): string {
  return page('troubleshooting.md', env) + (topic === undefined ? '' : `#${anchor(topics[topic])}`)
}
