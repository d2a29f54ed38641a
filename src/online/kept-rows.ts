/*
 * The rows of one entity that can still count: the newest of them, and the tail that its windows
 * reach back over. What is kept follows from the set of rows alone, so that a row that comes twice,
 * late or out of order leaves what it leaves when it comes once and in order.
 */

export type KeptValue = number | string | null

export interface KeptRow {
  /** When the row became known, never before it happened; microseconds since 1970. */
  readonly knownUs: number
  readonly eventUs: number
  /** Its number in the source, which settles ties. */
  readonly number: number
  readonly values: readonly KeptValue[]
}

export interface KeptRows {
  /** In order of (known at, event time, number). */
  readonly rows: readonly KeptRow[]
  /** Rows known by then were left out for want of room; -Infinity: none. */
  readonly leftUs: number
}

export const noRows: KeptRows = { rows: [], leftUs: Number.NEGATIVE_INFINITY }

/** What can still count, for one kind of entity. */
export interface KeepRule {
  /** Rows of one event time are versions of one row: the one known last counts. */
  readonly versions: boolean
  readonly newest: boolean
  /** Rows known longer ago are in no window. */
  readonly windowUs: number
  /** So many that were known last are in a window. */
  readonly windowRows: number
}

/**
 * Rows of one entity. A read computes over all of them, and a write writes them all anew; who needs
 * more needs a coarser row.
 */
export const rowsMax = 20_000

/** Undefined when the new rows change nothing. */
export function mergeRows(
  kept: KeptRows,
  news: readonly KeptRow[],
  rule: KeepRule,
  nowUs: number,
): KeptRows | undefined {
  const known = new Set(kept.rows.map(row => row.number))
  const fresh = news.filter(row => !known.has(row.number))
  if (fresh.length === 0) return undefined
  const all = [...kept.rows, ...fresh].sort(byKnown)
  const rows = stillCounting(all, rule, nowUs)
  const first = Math.max(0, rows.length - rowsMax)
  const leftUs = first > 0 ? rows[first - 1]!.knownUs : kept.leftUs
  const result = first > 0 ? rows.slice(first) : rows
  return isSame(result, kept.rows) ? undefined : { rows: result, leftUs }
}

function byKnown(a: KeptRow, b: KeptRow): number {
  return a.knownUs - b.knownUs || a.eventUs - b.eventUs || a.number - b.number
}

function isSame(a: readonly KeptRow[], b: readonly KeptRow[]): boolean {
  return a.length === b.length && a.every((row, at) => row.number === b[at]!.number)
}

function stillCounting(all: readonly KeptRow[], rule: KeepRule, nowUs: number): readonly KeptRow[] {
  const counting = countingRows(all, rule.versions, nowUs)
  const ahead = all.filter(row => row.knownUs > nowUs)
  const newest = rule.newest ? newestOf(counting) : undefined
  const lastFrom = counting.length - rule.windowRows
  const kept = counting.filter(
    (row, at) => row === newest || at >= lastFrom || row.knownUs > nowUs - rule.windowUs,
  )
  return [...kept, ...ahead]
}

/** Rows that are known and, of the versions of one row, known last; in the order of `rows`. */
export function countingRows(
  rows: readonly KeptRow[],
  versions: boolean,
  asOfUs: number,
): readonly KeptRow[] {
  const last = rows.at(-1)
  const known =
    last === undefined || last.knownUs <= asOfUs ? rows : rows.filter(r => r.knownUs <= asOfUs)
  if (!versions || known.length < 2) return known
  const newest = new Map(known.map(row => [row.eventUs, row]))
  return newest.size === known.length ? known : known.filter(r => newest.get(r.eventUs) === r)
}

/** That with the latest (event time, known at, number). */
export function newestOf(counting: readonly KeptRow[]): KeptRow | undefined {
  let newest: KeptRow | undefined
  for (const row of counting)
    if (newest === undefined || row.eventUs >= newest.eventUs) newest = row
  return newest
}
