import { count, megabytes } from '../format.ts'
import type { Collected } from '../retention/collected.ts'
import type { RepositoryPlan, Retention, Verdict } from '../retention/retention.ts'
import { cell, cellCode, code } from './markdown.ts'
import { details, table } from './table.ts'

/** The part of a run’s outcome that is about `keep` and mode `clean`. */
export interface Cleanup {
  /** What `keep` means for the images that are there, if the mode asks. */
  retention?: Retention
  /** What mode `clean` did. */
  collected?: Collected
}

/** Rows of one table. A summary may have a mebibyte, and readers want less. */
const maxRows = 500

/** A tag that goes, with its repository. */
interface Deletion extends Verdict {
  repository: string
}

function deletions({ repositories }: Retention): Deletion[] {
  return repositories.flatMap(({ name, goes }) => goes.map(verdict => ({ ...verdict, repository: name })))
}

/** The tags that were deleted: not those that were pushed again in the meantime. */
function deleted({ retention, collected }: Cleanup): Deletion[] {
  if (retention === undefined) return []
  const stayed = new Set(collected?.changed.map(({ repository, tag }) => `${repository}:${tag}`))
  return deletions(retention).filter(({ repository, tag }) => !stayed.has(`${repository}:${tag}`))
}

/** Whether mode `clean` has taken anything out of the registry, or put it back. */
export function isCleaned({ retention, collected }: Cleanup): boolean {
  if (collected === undefined) return false
  const { moved, restored } = collected
  return (
    moved > 0 ||
    restored.tags.length > 0 ||
    deleted({ ...(retention && { retention }), collected }).length > 0
  )
}

/** The output `deleted`; in mode `plan`, what would be deleted. */
export function deletedJson(outcome: Cleanup): string {
  return JSON.stringify(deleted(outcome).map(({ repository, tag, digest }) => ({ repository, tag, digest })))
}

/** The output `freed`, in bytes; in mode `plan`, what would be freed. */
export function freedBytes({ retention, collected }: Cleanup): number {
  return collected?.moved ?? retention?.freed ?? 0
}

/** For the last line of the log. */
export function cleaning(retention: Retention | undefined, collected: Collected | undefined): string[] {
  if (retention === undefined)
    return collected === undefined ? [] : [`${count(collected.restored.tags.length, 'tag')} put back`]
  const tags = deletions(retention).length - (collected?.changed.length ?? 0)
  return [
    `${count(tags, 'tag')} ${collected ? 'deleted' : 'to delete'}`,
    `${megabytes(collected?.moved ?? retention.freed)} ${collected ? 'freed' : 'to free'}`,
  ]
}

/**
 * What goes, what stays, and why, by repository, as lines of the log. A plan (not `done`) also has the repositories in which a rule
 * keeps everything.
 */
export function retentionLines(retention: Retention, done: boolean): string[] {
  const verb = (amount: number) => (!done ? 'would go' : amount === 1 ? 'goes' : 'go')
  const lines = retention.repositories
    .filter(({ rule, goes, untagged }) => goes.length + untagged > 0 || (!done && rule !== undefined))
    .flatMap(({ name, goes, stays, untagged }) => [
      `${name}: ${count(goes.length, 'tag')} ${verb(goes.length)}, ${stays.length} ${stays.length === 1 ? 'stays' : 'stay'}${untagged > 0 ? `, and ${count(untagged, 'image')} without a tag ${verb(untagged)}` : ''}`,
      ...goes.map(
        ({ tag, digest, pushed, bytes, reason }) =>
          `- ${name}:${tag} ${digest.slice(0, 19)} ${date(pushed)} ${megabytes(bytes)}: ${reason}`,
      ),
      ...stays.map(({ tag, reason }) => `= ${name}:${tag}: ${reason}`),
    ])
  const why = retention.ruled ? '`keep` keeps them all' : 'there is no `keep`'
  return [...(lines.length === 0 ? [`no tag is deleted: ${why}`] : lines), room(retention)]
}

/** The room on the disk, before and after. A bucket has no limit. */
function room({ freed, unneeded, disk, aside }: Retention): string {
  const later = unneeded - freed
  return [
    ...(disk.bytes === 0
      ? [`${megabytes(freed + aside)} less in the bucket when what goes is deleted`]
      : [
          `${megabytes(disk.free)} of ${megabytes(disk.bytes)} are free`,
          `${megabytes(disk.free + freed + aside)} when what goes is deleted`,
        ]),
    ...(later > 0
      ? [`another ${megabytes(later)} was pushed or used too recently, and a later run takes it`]
      : []),
  ].join('; ')
}

/** For the job summary. */
export function retentionSummary(outcome: Cleanup): string[] {
  const { retention, collected } = outcome
  if (collected && !retention) {
    const { tags, blobs } = collected.restored
    return [
      '### Put back',
      tags.length === 0
        ? `${blobs === 0 ? 'There was nothing to put back.' : `${count(blobs, 'blob')}, and no tag.`}`
        : tags
            .slice(0, maxRows)
            .map(each => `- ${code(each)}`)
            .join('\n'),
      ...more(tags.length, maxRows),
    ]
  }
  return retention ? markdown(retention, collected, maxRows) : []
}

/** For the comment on a pull request, which has room for `characters`. */
export function retentionComment(retention: Retention, characters: number): string {
  for (let rows = maxRows; rows > 0; rows = Math.floor(rows / 2)) {
    const text = `${markdown(retention, undefined, rows).join('\n\n')}\n`
    if (text.length <= characters) return text
  }
  return `Mode \`clean\` would delete ${count(deletions(retention).length, 'tag')}; the list is in the log of the step.\n`
}

function markdown(retention: Retention, collected: Collected | undefined, rows: number): string[] {
  const { repositories } = retention
  const gone = deleted({ retention, ...(collected && { collected }) })
  const affected = repositories.filter(({ goes, untagged }) => goes.length + untagged > 0)
  const stays = repositories.flatMap(({ name, stays }) =>
    stays.map(({ tag, reason }) => [cellCode(`${name}:${tag}`), cell(reason)]),
  )
  const title = collected ? 'Deleted' : 'Mode `clean` would delete'
  const nothing = retention.ruled ? 'Nothing: `keep` keeps every tag.' : 'No tag: there is no `keep`.'
  return [
    `### ${title}`,
    ...(affected.length === 0 ? [nothing] : [...totals(affected, rows), ...listed(gone, rows)]),
    sentence(retention, collected),
    ...(stays.length === 0
      ? []
      : [
          details(
            `What stays, and why: ${count(stays.length, 'tag')}`,
            [table(['tag', 'kept by'], stays.slice(0, rows)), ...more(stays.length, rows)].join('\n\n'),
          ),
        ]),
  ]
}

function totals(affected: readonly RepositoryPlan[], rows: number): string[] {
  const hasUntagged = affected.some(({ untagged }) => untagged > 0)
  const lines = affected
    .slice(0, rows)
    .map(({ name, stays, goes, untagged }) => [
      ...[cellCode(name), `${stays.length}`, `${goes.length}`],
      ...(hasUntagged ? [untagged === 0 ? '' : `${untagged}`] : []),
    ])
  const header = ['repository', 'stays', 'goes', ...(hasUntagged ? ['untagged'] : [])]
  return [table(header, lines), ...more(affected.length, rows)]
}

function listed(gone: readonly Deletion[], rows: number): string[] {
  if (gone.length === 0) return []
  const lines = gone.slice(0, rows).map(({ repository, tag, digest, pushed, bytes, reason }) => [
    cellCode(`${repository}:${tag}`),
    cellCode(digest.replace(/^.*:/, '').slice(0, 12)),
    // Without line breaks within a date, so that the column is easy to read.
    date(pushed).slice(0, 10).replaceAll('-', '\u2011'),
    megabytes(bytes).replace(' ', '\u00a0'),
    cell(reason),
  ])
  const text = [table(['tag', 'digest', 'pushed', 'size', 'why'], lines), ...more(gone.length, rows)]
  return gone.length > 12 ? [details(`The ${count(gone.length, 'tag')}, and why`, text.join('\n\n'))] : text
}

function more(all: number, rows: number): string[] {
  return all > rows ? [`And ${all - rows} more: the log of the step has them all.`] : []
}

function sentence(retention: Retention, collected: Collected | undefined): string {
  const { freed, unneeded, disk, aside } = retention
  const moved = collected?.moved ?? freed
  const words = collected
    ? `**${megabytes(moved)}** set aside, for a later run to delete; \`undo: true\` puts it back until then.${collected.freed > 0 ? ` ${megabytes(collected.freed)} that an earlier run had set aside are deleted.` : ''}`
    : `**${megabytes(moved)}** come back, counting once what images share.`
  const later = unneeded - freed
  return [
    words,
    ...(disk.bytes === 0
      ? []
      : [
          `${megabytes(disk.free)} of ${megabytes(disk.bytes)} on the disk are free, and ${megabytes(disk.free + aside + moved)} once that is deleted.`,
        ]),
    ...(later > 0
      ? [`Another ${megabytes(later)} was pushed or used too recently; a later run takes it.`]
      : []),
  ].join(' ')
}

function date(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
}
