import { browser, ready, runner, rust, server, store } from '../../lab/images.ts'
import { rusty, world } from '../../lab/index.ts'

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
  for (const suite of ['trixie', 'forky']) await rust(suite, await ready(suite))
  if (rusty) await rust('trixie', await server('trixie'))
  await browser()
  await store()
}
