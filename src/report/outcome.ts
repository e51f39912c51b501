import type { X509Certificate } from 'node:crypto'
import type { Failure } from '../failure.ts'
import { count, daysUntil, duration } from '../format.ts'
import type { Portrait } from '../publish/image.ts'
import type { Pushed } from '../publish/publish.ts'
import type { Change, Step } from '../resources/resource.ts'

/** What a run did, as far as it got. */
export interface Outcome {
  domain: string
  steps: readonly Step[]
  /** Whether the steps were taken, or are only what would be done. */
  applied: boolean
  /** `false` in mode `push`, which has no steps because it did not look for any. */
  looked?: boolean
  certificate?: X509Certificate
  pushed: readonly (Pushed & Partial<Portrait>)[]
  /** Why the step fails all the same. */
  failure?: Failure
}

const symbols = { create: '+', update: '~', delete: '-' } as const

export function planLine(resource: string, { action, summary }: Change): string {
  return `${symbols[action]} ${resource}: ${summary}`
}

/** The `plan` output. */
export function planJson(steps: readonly Step[]): string {
  return JSON.stringify(
    steps.flatMap(({ resource, changes }) =>
      changes.map(({ action, summary }) => ({ resource, action, summary })),
    ),
  )
}

/** The pushed references by digest, for a deploy step. */
export function references({ domain, pushed }: Outcome): string[] {
  return pushed.map(({ repository, digest }) => `${domain}/${repository}@${digest}`)
}

/** The last line of the log. `milliseconds` is what the run took. */
export function closing(
  { domain, steps, applied, looked, certificate, pushed }: Outcome,
  now: number,
  milliseconds: number,
): string {
  const changes = steps.flatMap(({ changes }) => changes).length
  const parts = [
    ...(looked === false
      ? []
      : [changes === 0 ? 'nothing changed' : `${count(changes, 'change')} ${applied ? 'made' : 'to make'}`]),
    ...(certificate
      ? [`certificate valid for ${count(daysUntil(certificate.validToDate, now), 'day')}`]
      : []),
    ...(pushed.length > 0 ? [`${count(pushed.length, 'image')} pushed`] : []),
    duration(milliseconds),
  ]
  return `${domain}: ${parts.join(', ')}`
}
