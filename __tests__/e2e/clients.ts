import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from '@jest/globals'
import type { Runner } from '../../lab/index.ts'

/**
 * Where clients are that no distribution has, if somebody built them: `GOBIN=$PWD/.lab/clients CGO_ENABLED=0 go install …`, and
 * buildkitd and buildctl with `go build` in BuildKit’s own sources.
 */
const folder = process.env.BERTH_CLIENTS ?? join(import.meta.dirname, '../../.lab/clients')

/** `test`, or a test that is shown as skipped where the client is not there. */
export const skipped = (name: string) => (existsSync(join(folder, name)) ? test : test.skip)

/** Puts a client onto a runner. */
export async function client(runner: Runner, name: string): Promise<void> {
  await runner.sh(`cat >/usr/local/bin/${name} && chmod 755 /usr/local/bin/${name}`, {
    input: readFileSync(join(folder, name)),
  })
}
