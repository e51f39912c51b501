import type { X509Certificate } from 'node:crypto'
import type { Failure } from '../failure.ts'
import { count, daysUntil, duration, megabytes } from '../format.ts'
import type { Step } from '../resources/resource.ts'
import type { Timing } from './log.ts'
import { cell, cellCode, fenced, html, inline } from './markdown.ts'
import { type Outcome, place } from './outcome.ts'
import { retentionSummary } from './retention.ts'
import { details, table } from './table.ts'

/** What the summary says of a run besides its outcome. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  now: number
  phases: readonly Timing[]
  /** How many milliseconds each step that was taken took. */
  taken: ReadonlyMap<Step, number>
  /** URL of the page that explains the failure, or an empty string. */
  help: string
}

/** The job summary, in GitHub’s Markdown: what matters most comes first, what is wanted only when something is slow comes last. */
export function summary(outcome: Outcome, around: Circumstances): string {
  return [
    `## ⚓ ${outcome.domain}`,
    ...failure(outcome, around),
    ...facts(outcome, around),
    ...pushed(outcome),
    ...retentionSummary(outcome),
    ...changes(outcome, around),
    ...timings(around),
    '',
  ].join('\n\n')
}

function failure({ failure }: Outcome, { help }: Circumstances): string[] {
  if (failure === undefined) return []
  const [sentence = '', ...words] = failure.message.split('\n')
  const block = fenced(words.map(line => line.trim()).join('\n'), 'text').trimEnd()
  const said = words.length > 0 ? ['', ...block.split('\n')] : []
  const text = [`**Failed:** ${inline(sentence)}`, ...said, '', `[What to do](${help})`]
  return [['[!CAUTION]', ...text].map(line => `> ${line}`.trimEnd()).join('\n')]
}

/** The job summary of a run that was refused for its inputs. Each mistake begins with an input’s name. */
export function mistakesSummary(mistakes: readonly Failure[], help: string): string {
  const lines = mistakes
    .map(({ message }) => message.replace(/^([a-z-]+): /, '`$1` '))
    .map(text => `> - ${inline(text)}`)
  const title = `> **${count(mistakes.length, 'input')} to correct.** Nothing was contacted, and nothing changed.`
  return ['## ⚓ Berth', '', '> [!CAUTION]', title, '>', ...lines, '>', `> [What to do](${help})`, ''].join(
    '\n',
  )
}

function facts(outcome: Outcome, { now, phases, taken }: Circumstances): string[] {
  const { certificate, failure, loggedIn } = outcome
  const total = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const users = people(outcome, taken)
  const rows = [
    ...(failure === undefined ? [['Server', state(outcome)]] : []),
    ...(certificate ? [['Certificate', validity(certificate, now)]] : []),
    ...(users === '' ? [] : [['Users', users]]),
    ...(loggedIn === undefined
      ? []
      : [['Docker', `logged in as <code>${html(loggedIn)}</code> until this job ends`]]),
    ...(total > 0 ? [['Time', duration(total)]] : []),
  ]
  if (rows.length === 0) return []
  return [
    [
      '<table>',
      ...rows.map(([name, value]) => `<tr><th align="left">${name}</th><td>${value}</td></tr>`),
      '</table>',
    ].join('\n'),
  ]
}

function state({ steps, applied, looked, collected }: Outcome): string {
  if (collected) return 'not checked: this mode only deletes images'
  const changes = count(steps.flatMap(({ changes }) => changes).length, 'change')
  if (looked === false) return 'not checked: this mode only pushes'
  if (steps.length === 0) return 'as it should be, nothing changed'
  return applied ? `${changes} made` : `${changes} to make; this was only a look`
}

function validity({ validToDate }: X509Certificate, now: number): string {
  return `valid for <b>${count(daysUntil(validToDate, now), 'day')}</b> more, until ${validToDate.toISOString().slice(0, 10)}`
}

/** Who was added, has a new password or was revoked. */
function people({ steps, applied, failure }: Outcome, taken: Circumstances['taken']): string {
  const changes = steps
    .filter(({ resource }) => resource === 'users')
    // A run that failed may not have got that far.
    .filter(step => failure === undefined || taken.has(step))
    .flatMap(({ changes }) => changes)
  const words = applied
    ? { create: 'added', update: 'new password for', delete: 'revoked' }
    : { create: 'to add', update: 'new password for', delete: 'to revoke' }
  return (['create', 'update', 'delete'] as const)
    .map(action => ({
      action,
      names: [
        ...new Set(changes.flatMap(each => (each.action === action && each.subject ? [each.subject] : []))),
      ],
    }))
    .filter(({ names }) => names.length > 0)
    .map(
      ({ action, names }) => `${words[action]} ${names.map(name => `<code>${html(name)}</code>`).join(' ')}`,
    )
    .join('<br>')
}

/** Characters. The text comes from the image, which may name any number of platforms. */
const maxPlatforms = 300

function pushed({ domain, pushed }: Outcome): string[] {
  if (pushed.length === 0) return []
  const mixed = pushed.some(({ known }) => known)
  const rows = pushed.map(({ repository, tags, platforms = [], bytes, known }) => [
    cellCode(repository),
    tags.map(cellCode).join(' '),
    ...(mixed ? [known ? 'there already' : 'pushed'] : []),
    cell(platforms.join(', ').slice(0, maxPlatforms)),
    bytes === undefined ? '' : megabytes(bytes),
  ])
  return [
    mixed ? '### Images' : '### Pushed',
    table(['image', 'tags', ...(mixed ? ['this run'] : []), 'platforms', 'size'], rows),
    shell(pushed.map(({ repository, tags }) => `docker pull ${domain}/${repository}:${tags[0]}`)),
    details(
      'By digest, for a deployment that must not change by itself',
      shell(pushed.map(({ repository, digest }) => `docker pull ${domain}/${repository}@${digest}`)),
    ),
  ]
}

function changes({ steps, applied, failure }: Outcome, { taken }: Circumstances): string[] {
  if (steps.length === 0) return []
  const rows = steps.flatMap(step =>
    step.changes.map(({ action, summary }, index) => [
      verbs[action],
      cell(place(step)),
      cell(summary),
      ...(applied ? [index > 0 && taken.has(step) ? '' : time(taken.get(step), failure)] : []),
    ]),
  )
  const head = ['', 'resource', 'change', ...(applied ? ['time'] : [])]
  const title = applied ? 'Changed' : 'Would change'
  // A first run has many lines, and most people want to see what was pushed.
  const folded = rows.length > 8 && failure === undefined && applied
  return folded
    ? [details(`${title}: ${count(rows.length, 'line')}`, table(head, rows))]
    : [`### ${title}`, table(head, rows)]
}

const verbs = { create: '**+**', update: '**~**', delete: '**−**' } as const

function time(milliseconds: number | undefined, failure: Failure | undefined): string {
  if (milliseconds !== undefined) return duration(milliseconds)
  return failure === undefined ? '' : 'not done'
}

function timings({ phases }: Circumstances): string[] {
  const rows = phases
    .filter(({ milliseconds }) => milliseconds >= 50)
    .map(({ what, milliseconds }) => [what, duration(milliseconds)])
  if (rows.length === 0) return []
  return [details('Where the time went', table(['phase', 'time'], rows))]
}

function shell(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n')
}
