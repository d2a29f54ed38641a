/*
 * Folds are blocks of whole days (UTC) in order of time: fold 0 has the first days among those of
 * the family's training rows. By rank and not by date, so that yearly or weekly data fill all
 * folds. The trunk, which sees all rows, finds where they begin, and its leaves take that over: so
 * the statistics of a parent are the sums of its children's, fold by fold.
 */

const dayMs = 86_400_000

/** First day of every fold but the first, in days since 1970-01-01, UTC. Never descending. */
export type FoldDays = readonly number[]

/** Days since 1970-01-01, UTC, of some rows. */
export function daysOf(eventMs: Float64Array, rows: Int32Array): Int32Array {
  const day = new Int32Array(rows.length)
  for (let i = 0; i < rows.length; i++) day[i] = Math.floor(eventMs[rows[i]!]! / dayMs)
  return day
}

/**
 * Divides the days that occur into folds of as many days, up to one. With fewer days than folds,
 * some folds are empty.
 */
export function foldDaysOf(days: readonly Int32Array[], folds: number): FoldDays {
  if (folds === 1) return []
  const seen = new Set<number>()
  for (const part of days) {
    let last = Number.NaN
    for (const day of part) {
      if (day !== last) seen.add(day)
      last = day
    }
  }
  const sorted = [...seen].sort((a, b) => a - b)
  const after = (sorted.at(-1) ?? 0) + 1
  return Array.from(
    { length: folds - 1 },
    (_, f) => sorted[Math.ceil(((f + 1) * sorted.length) / folds)] ?? after,
  )
}

export function foldOfRows(days: Int32Array, foldDays: FoldDays): Uint8Array {
  const fold = new Uint8Array(days.length)
  for (let r = 0, last = Number.NaN, now = 0; r < days.length; r++) {
    const day = days[r]!
    if (day !== last) {
      now = 0
      while (now < foldDays.length && day >= foldDays[now]!) now++
      last = day
    }
    fold[r] = now
  }
  return fold
}
