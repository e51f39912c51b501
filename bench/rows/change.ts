import type { Line } from '../line.ts'
import { home, password, type Stage } from '../stage.ts'

const rounds = 5

/** The longest that a request waits while settings change, twenty come each second. */
export async function change(stage: Stage): Promise<Line[]> {
  const { runner, server } = stage
  await stage.converge()
  const url = `https://${server.domain}/v2/`
  const failed: string[] = []
  let asked = 0
  const longest = async (work: () => Promise<unknown>) => {
    const stop = '/tmp/bench-stop'
    await runner.sh(`rm -f ${stop}`)
    const clients = runner.sh(`node ${home}/waits.mjs ${url} ${home}/ca.pem ${stop}`, {
      user: 'runner',
      input: `user0:${password}`,
      timeout: 120,
    })
    await work()
    await runner.sh(`touch ${stop}`)
    const found: { waits: number[]; failed: string[] } = JSON.parse(await clients)
    asked += found.waits.length + found.failed.length
    failed.push(...found.failed)
    return Math.max(...found.waits)
  }
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const level = round % 2 === 0 ? 'debug' : 'info'
    ours.push(await longest(() => stage.converge({ 'registry-config': `log: { level: ${level} }` })))
    theirs.push(await longest(() => stage.converge({ mode: 'plan' })))
  }
  await stage.converge()
  return [
    {
      work: 'longest wait while settings change',
      beside: 'while a plan is made',
      ours,
      theirs,
      note: `${failed.length} of ${asked} failed${failed.length > 0 ? ` (${[...new Set(failed)].join(', ')})` : ''}, longest of all ${Math.max(...ours).toFixed(0)} ms; mark: none, 100 ms`,
    },
  ]
}
