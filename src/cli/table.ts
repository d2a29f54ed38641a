import { cut, displayWidth, pad } from './text.ts'

export interface Column {
  readonly head: string
  readonly align?: 'right'
  /** May be cut, on a terminal only, when the table is wider than it. */
  readonly elastic?: boolean
  /** Left out, on a terminal only, when fewer columns than these are left for it. */
  readonly atLeast?: number
}

/** An elastic column is not cut below this: a name of which less is seen says nothing. */
const elasticMinWidth = 12
const gap = '  '

/**
 * Lines of a table. With a width: a head, aligned columns, elastic ones cut to fit. Without: full
 * values parted by tabs and no head, so that `cut -f1` and its kind read data and nothing else.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): { head: string | undefined; lines: readonly string[] } {
  if (width === undefined) return { head: undefined, lines: rows.map(row => row.join('\t')) }
  const widths = columns.map((column, i) =>
    rows.reduce(
      (most, row) => Math.max(most, displayWidth(row[i] ?? '')),
      displayWidth(column.head),
    ),
  )
  const fixed = gap.length * (columns.length - 1)
  let over = widths.reduce((sum, w) => sum + w, fixed) - width
  const last = columns.at(-1)
  const left = (widths.at(-1) ?? 0) - over
  if (last?.atLeast !== undefined && over > 0 && left < last.atLeast) {
    return tableLines(columns.slice(0, -1), rows, width)
  }
  // The last gives way first: what is left tells apart, what is right explains.
  for (let i = columns.length - 1; i >= 0; i--) {
    if (!columns[i]?.elastic || over <= 0) continue
    const cutBy = Math.min(over, Math.max(0, (widths[i] ?? 0) - elasticMinWidth))
    widths[i] = (widths[i] ?? 0) - cutBy
    over -= cutBy
  }
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, i) => pad(cut(cells[i] ?? '', widths[i] ?? 0), widths[i] ?? 0, column.align))
      .join(gap)
      .trimEnd()
  return { head: line(columns.map(c => c.head)), lines: rows.map(line) }
}
