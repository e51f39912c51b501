import { X509Certificate } from 'node:crypto'
import { converge, type Listener } from '../converge/converge.ts'
import { plan } from '../converge/plan.ts'
import type { Desired } from '../desired.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { Endpoint } from '../registry/endpoint.ts'
import { keepIssue } from '../report/issue.ts'
import type { Outcome } from '../report/outcome.ts'
import { due, isOrder, readLineage } from '../resources/certificate/certificate.ts'
import type { Step } from '../resources/resource.ts'
import type { Facts } from '../server/facts.ts'
import { onGitHub, onServer, type Surroundings } from './up.ts'

/** What is looked after: the rest of the server is `up`'s. */
const missing = (desired: Desired, facts: Facts) => plan(desired, facts, ['certificate', 'renewal'])

/** Renews if the certificate is due, looks at what is served, and says so on GitHub if it is at risk. */
export async function renew(inputs: Inputs, around: Surroundings): Promise<Outcome> {
  const { domain, acme } = inputs.desired
  const { steps, facts, trouble } = await renewed(inputs, around)
  const endpoint = new Endpoint(domain, acme.ca)
  let served: X509Certificate | undefined
  let failure = trouble?.fatal ? trouble.reason : undefined
  try {
    served = await around.group(`Check https://${domain}`, () => endpoint.certificate())
    failure ??= assess(
      inputs,
      served,
      onDisk(inputs, facts),
      steps.some(isOrder),
      trouble?.reason,
      Date.now(),
    )
  } catch (error) {
    failure = [failure, (error as Error).message].filter(Boolean).join('\n')
  } finally {
    endpoint.close()
  }
  if (trouble && failure === undefined) around.listener.warned(trouble.reason)
  await onGitHub(inputs, around, 'the issue about the certificate', 'issues', repository =>
    keepIssue(repository, domain, failure, served?.validToDate),
  )
  return {
    domain,
    steps,
    applied: true,
    pushed: [],
    ...(served && { certificate: served }),
    ...(failure && { failure }),
  }
}

interface Trouble {
  reason: string
  /** Whether it matters however long the certificate is valid. */
  fatal: boolean
}

async function renewed(
  inputs: Inputs,
  around: Surroundings,
): Promise<{ steps: Step[]; facts: Facts | undefined; trouble: Trouble | undefined }> {
  let facts: Facts | undefined
  let trouble: Trouble | undefined
  const listener: Listener = {
    ...around.listener,
    looked(seen) {
      if (seen.file('site.file') === undefined) {
        throw new Error(
          `this server has no registry ${inputs.desired.domain} of Berth’s; set it up with mode \`up\` first`,
        )
      }
      facts = seen
    },
    warned(reason) {
      trouble = { reason, fatal: false }
    },
  }
  let steps: Step[] = []
  try {
    steps = await onServer(around, server =>
      around.group(`Server ${inputs.target?.host}`, () =>
        converge(server, inputs.desired, missing, listener),
      ),
    )
  } catch (error) {
    trouble = { reason: (error as Error).message, fatal: true }
  }
  return { steps, facts, trouble }
}

/** The certificate that the server had on disk before this run. */
function onDisk({ desired }: Inputs, facts: Facts | undefined): X509Certificate | undefined {
  if (desired.certificate) return new X509Certificate(desired.certificate.chain)
  return facts && readLineage(facts).leaf
}

/** What is wrong with the certificate that clients get, in a sentence; `undefined` if it is well. */
export function assess(
  { desired: { domain, renewBefore, certificate } }: Pick<Inputs, 'desired'>,
  served: X509Certificate,
  disk: X509Certificate | undefined,
  ordered: boolean,
  reason: string | undefined,
  now: number,
): string | undefined {
  const same = served.fingerprint256 === disk?.fingerprint256
  if (disk && same === ordered) {
    return ordered
      ? `the certificate of ${domain} was renewed, and the old one is still served, until ${date(served)}; does the name lead to this server on every address, and is there a proxy in front of it?`
      : `${domain} serves a certificate that is valid until ${date(served)}, and it is not the one on the server’s disk, which is valid until ${date(disk)}; does the name lead to this server, and is there a proxy in front of it?`
  }
  if (!due(served, renewBefore, now)) return undefined
  const left = Math.floor((served.validToDate.getTime() - now) / (24 * 60 * 60 * 1000))
  const risk = `the certificate of ${domain} is valid for ${left} more ${left === 1 ? 'day' : 'days'} only, until ${date(served)}`
  return certificate
    ? `${risk}; give a newer one as \`certificate\` and \`certificate-key\`, and run mode \`up\``
    : `${risk}, and could not be renewed: ${reason ?? 'the authority gave one that lives no longer'}`
}

function date({ validToDate }: X509Certificate): string {
  return validToDate.toISOString().replace(/\.\d+/, '')
}
