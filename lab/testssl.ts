import { tryDocker } from './engine.ts'
import * as images from './images.ts'
import { label, labName } from './place.ts'

/** A finding at LOW or above, as `SEVERITY ID: TEXT`. */
export type Finding = string

/**
 * Looks at TLS on port 443 of a name with testssl.sh; `checks` are its options, such as `--protocols`, and `trust` is a PEM
 * bundle of authorities that it is to trust besides the public ones.
 */
export async function testssl(domain: string, checks: string[], trust: string): Promise<Finding[]> {
  const script = `cat >/tmp/ca.pem
    testssl --quiet --color 0 --warnings off --ip one --severity LOW --add-ca /tmp/ca.pem --jsonfile /tmp/findings.json "$@" >&2
    cat /tmp/findings.json`
  const run = ['run', '--rm', '--interactive', '--label', label, '--network', labName, await images.testssl()]
  const { stdout, stderr } = await tryDocker(
    [...run, 'bash', '-c', script, 'testssl', ...checks, `${domain}:443`],
    { input: trust },
  )
  try {
    const findings = JSON.parse(stdout) as { severity: string; id: string; finding: string }[]
    return findings.map(({ severity, id, finding }) => `${severity} ${id}: ${finding}`)
  } catch {
    throw new Error(`testssl.sh said:\n${stdout}${stderr}`)
  }
}
