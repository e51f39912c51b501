import type { Desired } from '../desired.ts'
import { type Failure, joined } from '../failure.ts'
import { certificate } from '../resources/certificate/certificate.ts'
import { isTrial } from '../resources/registry/bucket.ts'
import { renewal } from '../resources/renewal/renewal.ts'
import type { Resource, Step } from '../resources/resource.ts'
import { resources } from '../resources/resources.ts'
import type { Facts } from '../server/facts.ts'

/** What a run would do, and what it warns of. */
export interface Plan {
  steps: Step[]
  /** What is right for now but won't stay that way. */
  warnings: Failure[]
}

/** How a mode plans. */
export type Planner = (desired: Desired, facts: Facts) => Plan

/** The steps from what the server is to what it should be. Throws, naming all that is in the way. */
export const planUp: Planner = (desired, facts) => plan(desired, facts, resources)

/** Of those steps, the ones that show whether the server can use a new storage. */
export const planTrial: Planner = (desired, facts) => ({
  steps: planUp(desired, facts).steps.filter(step => step.resource === 'packages' || isTrial(step)),
  warnings: [],
})

/** The steps that keep the certificate valid. Everything else on the server is left to `up`. */
export const planRenewal: Planner = (desired, facts) => plan(desired, facts, [certificate, renewal])

/** The steps that take the registry away: the last that was built goes first. */
export const planDown: Planner = (desired, facts) => {
  const looks = resources.toReversed().map(resource => resource.look(desired, facts))
  const failure = joined(looks.flatMap(({ claims }) => claims))
  if (failure) throw failure
  return { steps: looks.flatMap(look => look.removal()), warnings: [] }
}

function plan(desired: Desired, facts: Facts, resources: readonly Resource[]): Plan {
  const looks = resources.map(resource => resource.look(desired, facts))
  const failure = joined(looks.flatMap(({ claims, failures }) => [...claims, ...failures]))
  if (failure) throw failure
  return {
    steps: inOrder(looks.flatMap(look => look.steps())),
    warnings: looks.flatMap(({ warnings }) => warnings),
  }
}

/** Moves each step with `after` behind the steps of that resource. */
function inOrder(steps: readonly Step[]): Step[] {
  const ordered = steps.filter(({ after }) => after === undefined)
  for (const step of steps) {
    if (step.after === undefined) continue
    const names = resources
      .slice(0, resources.findIndex(({ name }) => name === step.after) + 1)
      .map(({ name }) => name)
    const last = ordered.findLastIndex(
      ({ resource, after }) => names.includes(resource) || after === step.after,
    )
    ordered.splice(last + 1, 0, step)
  }
  return ordered
}

/** What a failed step means; `undefined` if its resource can't say it better than the programs did. */
export function explain(desired: Desired, { resource }: Step, output: string): Failure | undefined {
  return resources.find(({ name }) => name === resource)?.explain?.(desired, output)
}
