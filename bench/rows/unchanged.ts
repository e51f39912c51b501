import type { Line } from '../line.ts'
import { ansible, byHand, pyinfra, state } from '../peers.ts'
import type { Command, Stage } from '../stage.ts'

/** `up` with nothing to do, five users. */
export async function unchanged(stage: Stage): Promise<Line[]> {
  await stage.converge()
  await state(stage)
  const step = await stage.step()
  const note = await stage.count(() => stage.clock([step], 1, 0))
  const beside = async (beside: string, peer: Command, rounds?: number): Promise<Line> => {
    const [ours = [], theirs = []] = await stage.clock([step, peer], rounds)
    return { work: '`up`, nothing to do', beside, ours, theirs }
  }
  const lines: Line[] = [
    { ...(await beside('`ssh host true`', stage.ssh('true'), 11)), mark: { at: 'most', ratio: 2.2 }, note },
    { ...(await beside('Ansible playbook', await ansible(stage))), mark: { at: 'most', ratio: 0.08 } },
    await beside('the procedure by hand, as a script', byHand(stage)),
  ]
  const deploy = await pyinfra(stage)
  if (deploy) lines.push(await beside('pyinfra deploy', deploy))
  return lines
}
