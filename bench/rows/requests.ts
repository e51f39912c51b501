import type { Line } from '../line.ts'
import { home, openDomain, password, type Stage } from '../stage.ts'

/** Requests a second at /v2/ over 8 connections, with a generated password and without any. */
export async function requests(stage: Stage): Promise<Line[]> {
  await stage.converge()
  await stage.converge(stage.open())
  const ask = async (domain: string, user: string) =>
    Number(
      await stage.runner.sh(`node ${home}/load.mjs https://${domain}/v2/ ${home}/ca.pem 8 2000`, {
        user: 'runner',
        input: user,
      }),
    )
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < 7; round++) {
    ours.push(await ask(stage.server.domain, `user0:${password}`))
    theirs.push(await ask(openDomain, ''))
  }
  return [
    {
      work: 'requests at /v2/ with a password, 8 connections',
      beside: 'the same endpoint without auth',
      ours,
      theirs,
      unit: '/s',
      mark: { at: 'least', ratio: 0.6 },
    },
  ]
}
