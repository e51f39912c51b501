import { ready, runner, server } from '../../lab/images.ts'
import { world } from '../../lab/index.ts'

/**
 * Brings up the lab before any end-to-end test, for on a fresh machine its images take minutes to build: more than a
 * test has.
 */
export default async function setup(): Promise<void> {
  await world()
  for (const suite of ['trixie', 'bookworm']) {
    await ready(suite)
    await server(suite)
    await runner(suite)
  }
  await ready('forky')
}
