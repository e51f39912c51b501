import type { Line } from '../line.ts'
import { published } from '../published.ts'
import { home, openDomain, password, type Stage } from '../stage.ts'

/** Requests a second at /v2/ over 8 connections, with a generated password. */
export async function requests(stage: Stage): Promise<Line[]> {
  const { runner, server } = stage
  await stage.converge()
  await stage.converge(stage.open())
  const { blog, remove } = await published(server)
  const ask = async (url: string, user: string) =>
    Number(
      await runner.sh(`node ${home}/load.mjs ${url}/v2/ ${home}/ca.pem 8 2000`, {
        user: 'runner',
        input: user,
      }),
    )
  const ours: number[] = []
  const open: number[] = []
  const theirs: number[] = []
  try {
    for (let round = 0; round < 7; round++) {
      ours.push(await ask(`https://${server.domain}`, `user0:${password}`))
      open.push(await ask(`https://${openDomain}`, ''))
      theirs.push(await ask(blog, `user0:${password}`))
    }
  } finally {
    await remove()
  }
  const line = { work: 'requests at /v2/ with a password, 8 connections', ours, unit: '/s' } as const
  return [
    {
      ...line,
      beside: 'the same endpoint without auth',
      theirs: open,
      mark: { at: 'least', ratio: 0.9 },
    },
    {
      ...line,
      beside: 'htpasswd at cost 5 behind a blog’s nginx',
      theirs,
      mark: { at: 'least', ratio: 4 },
    },
  ]
}
