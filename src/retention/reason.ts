import type { KeepRule } from '../desired.ts'
import { count } from '../format.ts'
import { matchesTag } from './pattern.ts'

/** What a rule decides about a tag by. */
export interface Candidate {
  name: string
  /** How many tags of the repository were pushed after it. */
  newer: number
  /** Seconds since it was pushed. */
  age: number
  /** Seconds since it was pulled; since it was pushed if no later pull is known. */
  idle: number
}

const day = 24 * 60 * 60

/** The line of a rule that keeps a tag; `undefined` if none does. */
export function reasonToKeep(
  { name, newer, age, idle }: Candidate,
  { tags, last, days, pulled }: KeepRule,
): string | undefined {
  const pattern = tags.find(each => matchesTag(each, name))
  if (pattern !== undefined) return `tags: ${pattern}`
  if (last !== undefined && newer < last) return `last: ${last} (number ${newer + 1})`
  if (days !== undefined && age < days * day) return `days: ${days} (pushed ${ago(age)})`
  if (pulled !== undefined && idle < pulled * day) return `pulled: ${pulled} (${lastPull(age, idle)})`
  return undefined
}

/** Why no line of a rule keeps a tag. */
export function reasonToGo({ newer, age, idle }: Candidate, { tags, last, days, pulled }: KeepRule): string {
  const reasons = [
    last !== undefined && `${newer} newer (last: ${last})`,
    days !== undefined && `pushed ${ago(age)} (days: ${days})`,
    pulled !== undefined && `${lastPull(age, idle)} (pulled: ${pulled})`,
    tags.length > 0 && 'not in `tags`',
  ]
  return reasons.filter(Boolean).join(', ') || 'no line keeps anything'
}

function lastPull(age: number, idle: number): string {
  return idle < age ? `pulled ${ago(idle)}` : `not pulled since its push ${ago(age)}`
}

/** Seconds, as a person would say them. */
export function ago(seconds: number): string {
  const hours = seconds / 3600
  if (hours < 1) return 'less than an hour ago'
  if (hours < 48) return `${count(Math.floor(hours), 'hour')} ago`
  return `${count(Math.floor(hours / 24), 'day')} ago`
}
