import type { X509Certificate } from 'node:crypto'
import type { Pushed } from './publish.ts'
import type { Change, Step } from './resource.ts'

/** What a run did, as far as it got. */
export interface Outcome {
  domain: string
  steps: readonly Step[]
  /** Whether the steps were taken, or are only what would be done. */
  applied: boolean
  certificate?: X509Certificate
  pushed: readonly Pushed[]
  /** Why the step fails all the same, in a sentence. */
  failure?: string
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

/** The job summary, in Markdown. */
export function summary({ domain, steps, applied, certificate, pushed }: Outcome, now: number): string {
  const changes = steps.flatMap(({ resource, changes }) =>
    changes.map(({ action, summary }) => `| ${action} | ${resource} | ${cell(summary)} |`),
  )
  return [
    `## ⚓ ${domain}`,
    '',
    ...(certificate ? [certificateLine(certificate, now), ''] : []),
    ...(changes.length > 0
      ? [
          applied ? '### Changed' : '### Would change',
          '',
          '| | what | |',
          '| --- | --- | --- |',
          ...changes,
          '',
        ]
      : steps.length === 0
        ? ['The server is as it should be.', '']
        : []),
    ...(pushed.length > 0
      ? [
          '### Pushed',
          '',
          '| image | tags | digest |',
          '| --- | --- | --- |',
          ...pushed.map(
            ({ repository, tags, digest }) =>
              `| \`${domain}/${repository}\` | ${tags.map(tag => `\`${tag}\``).join(' ')} | \`${digest}\` |`,
          ),
          '',
          '```sh',
          ...pushed.map(({ repository, tags }) => `docker pull ${domain}/${repository}:${tags[0]}`),
          '```',
          '',
        ]
      : []),
  ].join('\n')
}

function certificateLine({ validToDate }: X509Certificate, now: number): string {
  const days = Math.floor((validToDate.getTime() - now) / (24 * 60 * 60 * 1000))
  return `The certificate is valid for ${days} more days, until ${validToDate.toISOString().slice(0, 10)}.`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
