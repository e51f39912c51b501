type Unit = 'ms' | 'kB' | '/s' | '/min' | 'MB/s' | '%'

/** A line of the table: what two of the same work took, in pairs. */
export interface Line {
  work: string
  /** What is beside Berth. */
  beside: string
  /** Milliseconds, unless `unit` says otherwise. */
  ours: readonly number[]
  theirs: readonly number[]
  unit?: Unit
  /** What ours divided by theirs should be. */
  mark?: { at: 'most' | 'least'; ratio: number }
  /** What was counted besides. */
  note?: string
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[half] ?? Number.NaN)
    : ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2
}

/** The median of the pairs' ratios: where the machine is slow for a moment, it is so for both of a pair. */
function ratio({ ours, theirs }: Line): number {
  return median(ours.map((each, index) => each / (theirs[index] ?? Number.NaN)))
}

export function row(line: Line): string {
  const { work, beside, ours, theirs, unit = 'ms', mark, note } = line
  const found = ratio(line)
  const reached = mark && (mark.at === 'most' ? found <= mark.ratio : found >= mark.ratio)
  const cells = [
    work,
    show(median(ours), unit),
    beside,
    show(median(theirs), unit),
    `${found.toFixed(2)}x`,
    mark ? `at ${mark.at} ${mark.ratio}x: ${reached ? 'yes' : 'no'}` : '',
    note ?? '',
  ]
  return `| ${cells.join(' | ')} |`
}

export const head =
  '| work | Berth | beside | | ratio | mark | |\n| --- | --- | --- | --- | --- | --- | --- |'

function show(value: number, unit: Unit): string {
  if (unit !== 'ms') return `${Math.round(value)} ${unit}`
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`
}
