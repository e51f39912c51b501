import { X509Certificate } from 'node:crypto'
import { converge } from '../converge/converge.ts'
import type { Listener } from '../converge/listener.ts'
import { planRenewal } from '../converge/plan.ts'
import { asFailure, Cancelled, Failure, joined } from '../failure.ts'
import { daysUntil } from '../format.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { keepIssue } from '../report/issue.ts'
import type { Outcome } from '../report/outcome.ts'
import { due, isOrder, readLineage } from '../resources/certificate/certificate.ts'
import type { Step } from '../resources/resource.ts'
import { noRegistry } from '../retention/logs.ts'
import type { Facts } from '../server/facts.ts'
import { type Context, onEndpoint, onGitHub } from './context.ts'
import { named, type One, onServers, seenAtEach, serversTitle, type Worked } from './servers.ts'

/** Renews the certificate if it is due, checks which one is served, and keeps an issue open on GitHub while it is at risk. */
export async function renew(inputs: Inputs, context: Context): Promise<Outcome> {
  const { domain } = inputs.desired
  const { done } = await context.group(serversTitle(inputs), () =>
    onServers(inputs, context, one => renewed(one)),
  )
  if (context.cancelled.aborted) throw new Cancelled()
  const steps = done.flatMap(({ result }) => result.steps)
  let served: X509Certificate | undefined
  let failure = joined(done.flatMap(({ one, result }) => (result.fatal ? [named(one, result.fatal)] : [])))
  try {
    served = await context.group(`Check https://${domain}`, () =>
      onEndpoint(inputs, endpoint => endpoint.certificate()),
    )
    const [first, ...others] = done
    if (first && others.length === 0) failure ??= assessOf(inputs, first, served)
  } catch (error) {
    failure = joined([...(failure ? [failure] : []), asFailure(error)])
  }
  if (done.length > 1) {
    const found = await assessEach(inputs, context, done)
    failure = joined([...(failure ? [failure] : []), ...found])
  }
  for (const { one, result } of done) {
    if (result.undone && failure === undefined) one.listener.warned(result.undone)
  }
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

/** Checks each of several servers at its own address: each has its own certificate, and the name points to only one of them. */
function assessEach(inputs: Inputs, { group }: Context, done: Worked<Renewed>['done']): Promise<Failure[]> {
  const well = done.filter(({ result }) => result.fatal === undefined)
  const found = ({ name }: One) => well.find(({ one }) => one.name === name)
  return group('Check each server', () =>
    seenAtEach(
      inputs,
      well.map(({ one }) => one),
      async (endpoint, one) => {
        const work = found(one)
        const served = await endpoint.certificate()
        const failure = work && assessOf(inputs, work, served)
        if (failure) throw failure
        one.listener.said(`its certificate is valid until ${date(served)}`)
      },
      one => {
        const work = found(one)
        return work && assessUnseen(inputs, work.result)
      },
    ),
  )
}

/** By what the server itself said over SSH. What this run ordered was not there yet, and certbot was content with it. */
function assessUnseen(inputs: Inputs, { facts, steps, undone }: Renewed): Failure | undefined {
  if (facts === undefined || steps.some(isOrder)) return undefined
  const served = shown(inputs, facts, steps)
  const about = { proxied: false, disk: undefined, ordered: false, reason: undone?.message, now: Date.now() }
  return served && assess(inputs, { ...about, served })
}

function assessOf(inputs: Inputs, { one, result }: Worked<Renewed>['done'][number], served: X509Certificate) {
  const { facts, steps, undone } = result
  const disk = certificateOnDisk(inputs, facts)
  const ordered = steps.some(isOrder)
  // A proxy has no SSH. Where SSH goes to the name itself, another certificate comes from another machine.
  const mayBeProxied = !ordered && one.host !== inputs.desired.domain
  const proxied = mayBeProxied && same(shown(inputs, facts, steps), disk) && !same(served, disk)
  if (proxied && disk)
    one.listener.said(
      `a proxy in front of this server shows a certificate that is valid until ${date(served)}; the server’s own is valid until ${date(disk)}`,
    )
  return assess(inputs, {
    ...{ served, disk, proxied, ordered },
    reason: undone?.message,
    now: Date.now(),
  })
}

/** What the server itself shows on its port 443. After a change it serves what is on its disk. */
function shown(
  inputs: Inputs,
  facts: Facts | undefined,
  steps: readonly Step[],
): X509Certificate | undefined {
  return (
    (steps.length === 0 && facts && readLineage(facts, inputs.desired.domain).served) ||
    certificateOnDisk(inputs, facts)
  )
}

function same(one: X509Certificate | undefined, other: X509Certificate | undefined): boolean {
  return one?.fingerprint256 === other?.fingerprint256
}

interface Renewed {
  steps: Step[]
  facts: Facts | undefined
  /** A failure that matters however long the certificate is still valid. */
  fatal: Failure | undefined
  /** Why the certificate was not renewed. It may not matter yet. */
  undone: Failure | undefined
}

async function renewed({ server, desired, plans, ...one }: One): Promise<Renewed> {
  const result: Renewed = { steps: [], facts: undefined, fatal: undefined, undone: undefined }
  const listener: Listener = {
    ...one.listener,
    looked(facts) {
      const { domain } = desired
      const site = facts.file('site.file')
      if (site === undefined) {
        throw noRegistry(domain)
      }
      // Only `up` changes the site.
      if (readLineage(facts, domain).name !== domain && site.content.includes(`/live/${domain}/`)) {
        throw new Failure(
          'renewal',
          `somebody has given the certificate of ${domain} other domains too; run mode \`up\`, which gets the registry one of its own`,
        )
      }
      result.facts = facts
    },
    warned(failure) {
      result.undone = failure
    },
  }
  try {
    result.steps = await converge(server, desired, plans(planRenewal), listener)
  } catch (error) {
    result.fatal = asFailure(error)
  }
  return result
}

/** The certificate that the server had on disk before this run. */
function certificateOnDisk({ desired }: Inputs, facts: Facts | undefined): X509Certificate | undefined {
  if (desired.certificate) return new X509Certificate(desired.certificate.chain)
  return facts && readLineage(facts, desired.domain).leaf
}

/** What is known of the certificate after a run has dealt with it. */
interface Renewal {
  served: X509Certificate
  /** The one that was on the server’s disk before. */
  disk: X509Certificate | undefined
  /** Whether `served` is that of a proxy, and the server itself shows the one on its disk. */
  proxied: boolean
  /** Whether this run ordered a new one. */
  ordered: boolean
  /** Why it could not. */
  reason: string | undefined
  /** Milliseconds since 1970. */
  now: number
}

/** What is wrong with the certificate that clients get, in a sentence; `undefined` if nothing is. */
export function assess(
  { desired: { domain, renewBefore, certificate } }: Pick<Inputs, 'desired'>,
  { served, disk, proxied, ordered, reason, now }: Renewal,
): Failure | undefined {
  if (disk && !proxied && same(served, disk) === ordered) {
    const sentence = ordered
      ? `the certificate of ${domain} was renewed, but the old one is still served, valid until ${date(served)}; does the name point to this server on every address, and is there a proxy in front of it?`
      : `${domain} serves a certificate that is valid until ${date(served)}, and it is not the one on the server’s disk, which is valid until ${date(disk)}; does the name point to this server, and is there a proxy in front of it?`
    return new Failure('renewal', sentence)
  }
  const own = proxied && disk && due(disk, renewBefore, now) ? disk : served
  if (!due(own, renewBefore, now)) return undefined
  const left = daysUntil(own.validToDate, now)
  const risk = `the certificate of ${domain} is valid for only ${left} more ${left === 1 ? 'day' : 'days'}, until ${date(own)}`
  if (proxied && own === served)
    return new Failure('renewal', `${risk}; the proxy in front of the server shows it, so renew it there`)
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
