import { randomBytes } from 'node:crypto'
import type { Runner } from '../../lab/index.ts'

/** How many requests ended in which way: an HTTP status, or `000` for a connection that failed. */
export interface Load {
  answers: Record<string, number>
  /** Seconds that the slowest of them took. */
  slowest: number
}

/**
 * Sends requests from three workers on `runner` while `work` goes on, and a second longer; each request has a connection of its own.
 * `credentials` are `name:password`.
 */
export async function underLoad(
  runner: Runner,
  url: string,
  credentials: string | undefined,
  work: () => Promise<unknown>,
): Promise<Load> {
  const stop = `/tmp/stop-${randomBytes(4).toString('hex')}`
  const loop = runner.sh(
    `config=$(cat); for worker in 1 2 3; do
      while ! [ -e ${stop} ] && [ $SECONDS -lt 200 ]; do curl -sk --max-time 60 -o /dev/null -w '%{http_code} %{time_total}\\n' -K - ${url} <<<"$config"; done &
    done; wait; rm -f ${stop}`,
    { input: credentials ? `user = "${credentials}"` : '' },
  )
  try {
    await work()
  } finally {
    await runner.sh(`sleep 1; touch ${stop}`)
  }
  const load: Load = { answers: {}, slowest: 0 }
  for (const line of (await loop).split('\n')) {
    const [code = '', seconds] = line.split(' ')
    load.answers[code] = (load.answers[code] ?? 0) + 1
    load.slowest = Math.max(load.slowest, Number(seconds))
  }
  return load
}
