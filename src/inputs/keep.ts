import type { Keep, KeepRule } from '../desired.ts'
import { isObject } from '../json.ts'
import { parseMap } from './map.ts'
import { isPattern, maxWildcards } from './rights.ts'

const counts = ['last', 'days', 'pulled', 'untagged'] as const
const lines = ['tags', ...counts, 'empty']

/** Days, or tags. More than that must be a typing mistake. */
const maxCount = 100_000

/** Wildcards in one pattern of `tags`. */
const maxTagWildcards = 4

/**
 * Reads `keep`, a YAML map from patterns of repositories to what stays there:
 *
 *     team/**:
 *       tags: [latest, 'v*']   # always
 *       last: 10               # the ten pushed last
 *       days: 30               # what was pushed in the last 30 days
 *       pulled: 30             # what was pulled in the last 30 days
 *       untagged: 7            # images without a tag, for 7 days
 *     scratch/**: { last: 0, empty: true }
 *
 * Everything is text, as it is written: a tag may be `1.0` or `012`. `mistake` hears of every mistake, with its path.
 */
export function parseKeep(text: string, mistake: (sentence: string) => void): Keep {
  const rules = parseMap(text, 'patterns of repositories to what stays there', mistake)
  return [...rules].map(([pattern, value]) => parseRule(pattern, value, mistake))
}

function parseRule(pattern: string, value: unknown, mistake: (sentence: string) => void): KeepRule {
  const path = JSON.stringify(pattern)
  let isRead = true
  const wrong = (line: string, given: unknown, form: string) => {
    isRead = false
    mistake(`${path}.${line} is ${JSON.stringify(given)}; write ${form}`)
  }
  if (!isPattern(pattern))
    mistake(
      `${path} is no pattern of repositories; write a name in lower case, with * for any part between slashes or ** for anything, at most ${maxWildcards} of them`,
    )
  const rule: KeepRule = {
    ...{ pattern, tags: [], empty: false },
    ...{ last: undefined, days: undefined, pulled: undefined, untagged: undefined },
  }
  if (!isObject(value)) {
    mistake(`${path} must be a map of ${lines.map(line => `\`${line}\``).join(', ')}`)
    return rule
  }
  for (const line of Object.keys(value).filter(each => !lines.includes(each))) {
    isRead = false
    mistake(
      `${path} has ${JSON.stringify(line)}; there are only ${lines.map(each => `\`${each}\``).join(', ')}`,
    )
  }
  if (value.tags !== undefined) {
    for (const tag of Array.isArray(value.tags) ? value.tags : [value.tags]) {
      if (isTagPattern(tag)) rule.tags.push(tag)
      else
        wrong(
          'tags',
          tag,
          `names of tags, with * for any part, at most ${maxTagWildcards} of them, such as [latest, 'v*']`,
        )
    }
  }
  for (const line of counts) {
    const given = value[line]
    if (given === undefined) continue
    if (typeof given === 'string' && /^\d{1,6}$/.test(given) && Number(given) <= maxCount)
      rule[line] = Number(given)
    else wrong(line, given, `a whole number from 0 to ${maxCount}`)
  }
  if (value.empty === 'true' || value.empty === 'false') rule.empty = value.empty === 'true'
  else if (value.empty !== undefined) wrong('empty', value.empty, '`true` or `false`')
  // What is wrong was meant to keep something.
  if (isRead && !rule.empty && keepsNoTag(rule))
    mistake(
      `${path} keeps no tag; say what stays with \`tags\`, \`last\`, \`days\` or \`pulled\`, or add \`empty: true\` if everything may go`,
    )
  return rule
}

function keepsNoTag({ tags, last, days, pulled }: KeepRule): boolean {
  return tags.length === 0 && !last && !days && !pulled
}

function isTagPattern(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^[\w*][\w.*-]{0,127}$/.test(value) &&
    (value.match(/\*+/g) ?? []).length <= maxTagWildcards
  )
}
