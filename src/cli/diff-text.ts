import { countOf, formatCount, formatNumber } from '../base/format.ts'
import type { ColumnProfileView, SnapshotDiffView, SnapshotFacts } from '../contract/index.ts'
import type { Column } from './table.ts'
import { cut, printable, shortDigestText, timeWords } from './text.ts'

/*
 * Snapshots and what differs between two of them, for people. What is the same is not repeated:
 * a cell has one value, or `before -> now`.
 */

/** `c-12, 9f3c2a, 3,000,000 rows to 2001-07-01 00:00, 12 set aside`. */
export function snapshotText({ commit, snapshot, rows, setAside, to }: SnapshotFacts): string {
  const until = to === null ? '' : ` to ${timeWords(to)}`
  return [
    ...(commit === null ? [] : [commit]),
    shortDigestText(snapshot),
    `${countOf(rows, 'row')}${until}`,
    ...(setAside > 0 ? [`${formatCount(setAside)} set aside`] : []),
  ].join(', ')
}

/** Everything but the table of columns. */
export function diffLines(diff: SnapshotDiffView): string[] {
  const { rows, key, entities } = diff
  const lines = [
    `${printable(diff.source)}: from ${snapshotText(diff.from)}`,
    `${' '.repeat(printable(diff.source).length)}    to ${snapshotText(diff.to)}`,
    '',
  ]
  const changed = rows.by === 'key' ? `, ${formatCount(rows.changed)} changed` : ''
  const by = rows.by === 'key' ? `by ${key.map(printable).join(', ')} and time` : 'by content'
  lines.push(`  rows      ${changeText(rows.added, rows.removed)}${changed} (${by})`)
  if (entities !== null) {
    const { added, removed } = entities
    lines.push(`  entities  ${changeText(added.count, removed.count)}`)
    if (added.count > 0) lines.push(`    added   ${namesText(added)}`)
    if (removed.count > 0) lines.push(`    removed ${namesText(removed)}`)
  }
  for (const { name, type } of diff.schema.added) lines.push(schemaLine('added', name, type))
  for (const { name, type } of diff.schema.removed) lines.push(schemaLine('removed', name, type))
  for (const { name, from, to } of diff.schema.retyped) {
    lines.push(schemaLine('retyped', name, `${from} -> ${to}`))
  }
  return lines
}

function changeText(added: number, removed: number): string {
  return `${formatCount(added)} added, ${formatCount(removed)} removed`
}

function namesText({ count, first }: { count: number; first: readonly (readonly string[])[] }) {
  const names = first.map(values => values.map(nameText).join('.')).join(' ')
  return count > first.length ? `${names} and ${formatCount(count - first.length)} more` : names
}

/** Of a UUID nothing is cut; a text that somebody wrote into a key may be a page. */
const nameMax = 40

function nameText(value: string): string {
  return cut(printable(value), nameMax)
}

function schemaLine(what: string, name: string, type: string): string {
  return `  column    ${what} ${printable(name)} ${printable(type)}`
}

export const diffColumns: readonly Column[] = [
  { head: 'column' },
  { head: 'nulls', align: 'right' },
  { head: 'distinct', align: 'right' },
  { head: 'least' },
  { head: 'median' },
  { head: 'greatest' },
  { head: 'mean' },
  { head: 'drift', align: 'right' },
]

/** A thousandth of the index is nothing that anybody looks at. */
const driftDigits = 3

/** Columns whose values moved; those that did not are only named. */
export function diffRows({ columns }: SnapshotDiffView): {
  readonly rows: readonly (readonly string[])[]
  readonly same: readonly string[]
} {
  const rows: string[][] = []
  const same: string[] = []
  for (const { name, from, to, drift } of columns) {
    const cell = (read: (profile: ColumnProfileView) => string) =>
      moved(from === null ? '' : read(from), to === null ? '' : read(to))
    const cells = [
      cell(p => formatCount(p.nulls)),
      cell(p => formatCount(p.distinct)),
      cell(p => short(p.min)),
      cell(medianText),
      cell(p => short(p.max)),
      cell(p => (p.mean === null ? '' : formatNumber(p.mean))),
    ]
    const index = drift === null ? '' : formatNumber(Number(drift.toFixed(driftDigits)))
    if (index === '0' && cells.every(text => !text.includes('->'))) same.push(printable(name))
    else rows.push([printable(name), ...cells, index])
  }
  return { rows, same }
}

/** Between two values; before one that came, behind one that went. */
const arrow = ' -> '

function moved(before: string, now: string): string {
  return before === now ? now : `${before}${arrow}${now}`.trim()
}

const cellMax = 24

/** A value that fits a cell; an hour is not cut to a minute by it. */
function short(value: string | null): string {
  if (value === null) return ''
  const text = printable(value)
  return text.length > cellMax ? `${text.slice(0, cellMax - 1)}…` : text
}

/** Of a time as a time: quantiles of times are microseconds. */
export function medianText({ quantiles, type }: ColumnProfileView): string {
  return quantileText(quantiles[10], type)
}

export function quantileText(value: number | undefined, type: string): string {
  if (value === undefined) return ''
  if (!/^(?:DATE|TIMESTAMP)/.test(type)) return formatNumber(value)
  const time = new Date(value / 1_000)
  return Number.isNaN(time.getTime()) ? '' : timeWords(`${time.toISOString().slice(0, 19)}Z`)
}
