import type { X509Certificate } from 'node:crypto'
import type { Failure } from '../failure.ts'
import { count, daysUntil, duration } from '../format.ts'
import type { Portrait } from '../publish/image.ts'
import type { Pushed } from '../publish/publish.ts'
import type { Change, Step } from '../resources/resource.ts'
import { type Cleanup, cleaning } from './retention.ts'

/** What a run did, as far as it got. */
export interface Outcome extends Cleanup {
  domain: string
  steps: readonly Step[]
  /** Whether the steps were taken; `false` if this is only a plan. */
  applied: boolean
  /** `false` in mode `push`, which does not look at the server. */
  looked?: boolean
  certificate?: X509Certificate
  pushed: readonly (Pushed & Partial<Portrait>)[]
  /** The user with whose login this job’s Docker goes on until the post step. */
  loggedIn?: string
  /** Why the step fails in spite of this outcome. */
  failure?: Failure
}

const symbols = { create: '+', update: '~', delete: '-' } as const

export function planLine(resource: string, { action, summary }: Change): string {
  return `${symbols[action]} ${resource}: ${summary}`
}

/** The resource that a step changes, after its server’s name if there are several. */
export function place({ server, resource }: Pick<Step, 'server' | 'resource'>): string {
  return server === undefined ? resource : `${server} ${resource}`
}

/** The `plan` output. */
export function planJson(steps: readonly Step[]): string {
  return JSON.stringify(
    steps.flatMap(({ server, resource, changes }) =>
      changes.map(({ action, summary }) => ({ ...(server && { server }), resource, action, summary })),
    ),
  )
}

/** The pushed images as references with digests, for a deploy step. */
export function references({ domain, pushed }: Outcome): string[] {
  return pushed.map(({ repository, digest }) => `${domain}/${repository}@${digest}`)
}

/** The last line of the log. `milliseconds` is what the run took. */
export function closing(
  { domain, steps, applied, looked, certificate, pushed, loggedIn, retention, collected }: Outcome,
  now: number,
  milliseconds: number,
): string {
  const changes = steps.flatMap(({ changes }) => changes).length
  const parts = [
    ...(looked === false || collected
      ? []
      : [changes === 0 ? 'nothing changed' : `${count(changes, 'change')} ${applied ? 'made' : 'to make'}`]),
    ...(certificate
      ? [`certificate valid for ${count(daysUntil(certificate.validToDate, now), 'day')}`]
      : []),
    ...imagesLine(pushed),
    ...cleaning(retention, collected),
    ...(loggedIn === undefined ? [] : [`logged in as ${loggedIn}`]),
    duration(milliseconds),
  ]
  return `${domain}: ${parts.join(', ')}`
}

/** How many images were pushed, and how many were there already. */
function imagesLine(images: Outcome['pushed']): string[] {
  const known = images.filter(each => each.known).length
  const pushed = images.length - known
  if (images.length === 0) return []
  if (known === 0) return [`${count(pushed, 'image')} pushed`]
  if (pushed === 0) return [`${count(known, 'image')}, all of ${known === 1 ? 'it' : 'them'} there already`]
  return [`${count(pushed, 'image')} pushed and ${known} there already`]
}
