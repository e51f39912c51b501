import { tryDocker } from './engine.ts'
import * as images from './images.ts'
import { label, labName } from './place.ts'

/** A finding at LOW or above, as `SEVERITY ID: TEXT`. */
export type Finding = string

/** Looks at TLS on port 443 of a name with testssl.sh; `checks` are its options, such as `--protocols`. */
export async function testssl(domain: string, checks: string[]): Promise<Finding[]> {
  const json = '/tmp/findings.json'
  const script = `testssl --quiet --color 0 --warnings off --ip one --severity LOW --jsonfile ${json} "$@" >&2; cat ${json}`
  const run = ['run', '--rm', '--label', label, '--network', labName, await images.testssl()]
  const { stdout, stderr } = await tryDocker([
    ...run,
    'bash',
    '-c',
    script,
    'testssl',
    ...checks,
    `${domain}:443`,
  ])
  try {
    const findings = JSON.parse(stdout) as { severity: string; id: string; finding: string }[]
    return findings.map(({ severity, id, finding }) => `${severity} ${id}: ${finding}`)
  } catch {
    throw new Error(`testssl.sh said:\n${stdout}${stderr}`)
  }
}
