import { X509Certificate } from 'node:crypto'
import { converge, type Listener } from '../converge/converge.ts'
import { planRenewal } from '../converge/plan.ts'
import { asFailure, Failure, joined } from '../failure.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { keepIssue } from '../report/issue.ts'
import type { Outcome } from '../report/outcome.ts'
import { due, isOrder, readLineage } from '../resources/certificate/certificate.ts'
import type { Step } from '../resources/resource.ts'
import type { Facts } from '../server/facts.ts'
import { type Context, onEndpoint, onGitHub, onServer } from './context.ts'

/** Renews if the certificate is due, looks at what is served, and says so on GitHub if it is at risk. */
export async function renew(inputs: Inputs, context: Context): Promise<Outcome> {
  const { domain } = inputs.desired
  const { steps, facts, fatal, undone } = await renewed(inputs, context)
  let served: X509Certificate | undefined
  let failure = fatal
  try {
    served = await context.group(`Check https://${domain}`, () =>
      onEndpoint(inputs, endpoint => endpoint.certificate()),
    )
    failure ??= assess(inputs, {
      served,
      disk: onDisk(inputs, facts),
      ordered: steps.some(isOrder),
      reason: undone?.message,
      now: Date.now(),
    })
  } catch (error) {
    failure = joined([...(failure ? [failure] : []), asFailure(error)])
  }
  if (undone && failure === undefined) context.listener.warned(undone)
  await onGitHub(inputs, context, 'the issue about the certificate', 'issues', repository =>
    keepIssue(repository, domain, failure?.message, served?.validToDate),
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

interface Renewed {
  steps: Step[]
  facts: Facts | undefined
  /** What matters however long the certificate is valid. */
  fatal: Failure | undefined
  /** Why a renewal was not possible, which need not matter yet. */
  undone: Failure | undefined
}

async function renewed(inputs: Inputs, context: Context): Promise<Renewed> {
  const result: Renewed = { steps: [], facts: undefined, fatal: undefined, undone: undefined }
  const listener: Listener = {
    ...context.listener,
    looked(facts) {
      if (facts.file('site.file') === undefined) {
        throw new Failure(
          'noRegistry',
          `this server has no registry ${inputs.desired.domain} of Berth’s; set it up with mode \`up\` first`,
        )
      }
      result.facts = facts
    },
    warned(failure) {
      result.undone = failure
    },
  }
  try {
    result.steps = await onServer(context, server =>
      context.group(`Server ${inputs.target?.host}`, () =>
        converge(server, inputs.desired, planRenewal, listener),
      ),
    )
  } catch (error) {
    result.fatal = asFailure(error)
  }
  return result
}

/** The certificate that the server had on disk before this run. */
function onDisk({ desired }: Inputs, facts: Facts | undefined): X509Certificate | undefined {
  if (desired.certificate) return new X509Certificate(desired.certificate.chain)
  return facts && readLineage(facts).leaf
}

/** What is known of the certificate when a run has looked after it. */
interface Renewal {
  served: X509Certificate
  /** The one that the server had on disk before. */
  disk: X509Certificate | undefined
  /** Whether this run has ordered another one. */
  ordered: boolean
  /** Why it could not. */
  reason: string | undefined
  /** Milliseconds since 1970. */
  now: number
}

/** What is wrong with the certificate that clients get, in a sentence; `undefined` if it is well. */
export function assess(
  { desired: { domain, renewBefore, certificate } }: Pick<Inputs, 'desired'>,
  { served, disk, ordered, reason, now }: Renewal,
): Failure | undefined {
  const same = served.fingerprint256 === disk?.fingerprint256
  if (disk && same === ordered) {
    const sentence = ordered
      ? `the certificate of ${domain} was renewed, and the old one is still served, until ${date(served)}; does the name point to this server on every address, and is there a proxy in front of it?`
      : `${domain} serves a certificate that is valid until ${date(served)}, and it is not the one on the server’s disk, which is valid until ${date(disk)}; does the name point to this server, and is there a proxy in front of it?`
    return new Failure('renewal', sentence)
  }
  if (!due(served, renewBefore, now)) return undefined
  const left = Math.floor((served.validToDate.getTime() - now) / (24 * 60 * 60 * 1000))
  const risk = `the certificate of ${domain} is valid for only ${left} more ${left === 1 ? 'day' : 'days'}, until ${date(served)}`
  return new Failure(
    'renewal',
    certificate
      ? `${risk}; give a newer one as \`certificate\` and \`certificate-key\`, and run mode \`up\``
      : `${risk}, and could not be renewed: ${reason ?? 'the authority issued one that is valid no longer than that'}`,
  )
}

function date({ validToDate }: X509Certificate): string {
  return validToDate.toISOString().replace(/\.\d+/, '')
}
