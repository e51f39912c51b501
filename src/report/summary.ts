import type { X509Certificate } from 'node:crypto'
import type { Failure } from '../failure.ts'
import { count, daysUntil, duration, megabytes } from '../format.ts'
import type { Step } from '../resources/resource.ts'
import type { Timing } from './log.ts'
import { cell, code, fenced, html, inline } from './markdown.ts'
import type { Outcome } from './outcome.ts'

/** What is told of a run besides its outcome. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  now: number
  phases: readonly Timing[]
  /** Milliseconds that each step took that was taken. */
  taken: ReadonlyMap<Step, number>
  /** URL of the page that explains the failure, if there is one. */
  help: string
}

/** The job summary, in GitHub’s Markdown: first what matters most, last what is only wanted when something is slow. */
export function summary(outcome: Outcome, around: Circumstances): string {
  return [
    `## ⚓ ${outcome.domain}`,
    ...failure(outcome, around),
    ...facts(outcome, around),
    ...pushed(outcome),
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
  const { certificate, failure } = outcome
  const total = phases.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const users = people(outcome, taken)
  const rows = [
    ...(failure === undefined ? [['Server', state(outcome)]] : []),
    ...(certificate ? [['Certificate', validity(certificate, now)]] : []),
    ...(users === '' ? [] : [['Users', users]]),
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

function state({ steps, applied, looked }: Outcome): string {
  const changes = count(steps.flatMap(({ changes }) => changes).length, 'change')
  if (looked === false) return 'not looked at: this mode pushes only'
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
    // A run that failed may not have come so far.
    .filter(step => failure === undefined || taken.has(step))
    .flatMap(({ changes }) => changes)
  const words = applied
    ? { create: 'added', update: 'new password for', delete: 'revoked' }
    : { create: 'to add', update: 'new password for', delete: 'to revoke' }
  return (['create', 'update', 'delete'] as const)
    .map(action => ({
      action,
      names: changes.flatMap(each => (each.action === action && each.subject ? [each.subject] : [])),
    }))
    .filter(({ names }) => names.length > 0)
    .map(
      ({ action, names }) => `${words[action]} ${names.map(name => `<code>${html(name)}</code>`).join(' ')}`,
    )
    .join('<br>')
}

function pushed({ domain, pushed }: Outcome): string[] {
  if (pushed.length === 0) return []
  const rows = pushed.map(({ repository, tags, platforms = [], bytes }) => [
    code(repository),
    tags.map(code).join(' '),
    platforms.join(', '),
    bytes === undefined ? '' : megabytes(bytes),
  ])
  return [
    '### Pushed',
    table(['image', 'tags', 'platforms', 'size'], rows),
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
      step.resource,
      cell(summary),
      ...(applied ? [index > 0 && taken.has(step) ? '' : time(taken.get(step), failure)] : []),
    ]),
  )
  const head = ['', 'resource', 'change', ...(applied ? ['time'] : [])]
  const title = applied ? 'Changed' : 'Would change'
  // A first run has many lines, and what was pushed is what most people look for.
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

/** Columns that are read from their right end. */
const numbers = ['time', 'size']

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(name => (numbers.includes(name) ? '---:' : ':---')), ...rows]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function shell(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n')
}

function details(title: string, text: string): string {
  return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`
}
