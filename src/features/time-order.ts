/*
 * Rows by group, in each in order of time: one counting sort by group, then the rows of each group
 * by a natural merge sort. What is sorted by group and time already, in one file or in several one
 * behind the other, is only looked over and merged; and the rows of a group lie in the caches
 * together, which those of a sort of all rows by time do not.
 */

export interface Grouped {
  /** Rows by group, in each in order of time. */
  readonly rows: Int32Array
  /** Rows of group g are [starts[g], starts[g + 1]). */
  readonly starts: Int32Array
}

/** Below 0: row a comes before row b, whose time is equal. */
export type Tie = (a: number, b: number) => number

/**
 * Orders the rows 0, 1, ... of groups in [1, count]. Group 0 has those that have none, or whose
 * time is NaN, in no order. Rows that tie keep theirs.
 */
export function groupInTime(
  groups: Int32Array,
  count: number,
  times: Float64Array,
  tie: Tie = () => 0,
): Grouped {
  const starts = new Int32Array(count + 2)
  for (let row = 0; row < groups.length; row++) {
    const next = (Number.isNaN(times[row]!) ? 0 : groups[row]!) + 1
    starts[next] = starts[next]! + 1
  }
  for (let group = 0; group <= count; group++) {
    starts[group + 1] = starts[group + 1]! + starts[group]!
  }
  const free = starts.slice()
  const rows = new Int32Array(groups.length)
  for (let row = 0; row < groups.length; row++) {
    const group = Number.isNaN(times[row]!) ? 0 : groups[row]!
    const where = free[group]!
    free[group] = where + 1
    rows[where] = row
  }
  const sort = new RunSort(rows, times, tie)
  for (let group = 1; group <= count; group++) sort.sort(starts[group]!, starts[group + 1]!)
  return { rows, starts }
}

/** Runs shorter than this are made longer one row at a time. */
const runRowsMin = 12

/** A stable merge sort of stretches of `rows` that finds what is in order already. */
class RunSort {
  readonly #rows: Int32Array
  readonly #times: Float64Array
  readonly #tie: Tie
  #spare = new Int32Array(64)

  constructor(rows: Int32Array, times: Float64Array, tie: Tie) {
    this.#rows = rows
    this.#times = times
    this.#tie = tie
  }

  sort(from: number, end: number): void {
    let runs = [from]
    for (let at = from; at < end; ) {
      at = this.#runEnd(at, end)
      runs.push(at)
    }
    while (runs.length > 2) {
      const merged = [from]
      for (let run = 2; run < runs.length; run += 2) {
        this.#merge(runs[run - 2]!, runs[run - 1]!, runs[run]!)
        merged.push(runs[run]!)
      }
      if (runs.length % 2 === 0) merged.push(end)
      runs = merged
    }
  }

  /** Where the run that begins at `from` ends. */
  #runEnd(from: number, end: number): number {
    const rows = this.#rows
    let at = from + 1
    while (at < end && !this.#isBefore(rows[at]!, rows[at - 1]!)) at++
    const least = Math.min(end, from + runRowsMin)
    for (; at < least; at++) {
      const row = rows[at]!
      let into = at
      for (; into > from && this.#isBefore(row, rows[into - 1]!); into--)
        rows[into] = rows[into - 1]!
      rows[into] = row
    }
    return at
  }

  #merge(from: number, middle: number, end: number): void {
    const rows = this.#rows
    if (!this.#isBefore(rows[middle]!, rows[middle - 1]!)) return
    const length = middle - from
    if (this.#spare.length < length) this.#spare = new Int32Array(2 * length)
    const spare = this.#spare
    for (let i = 0; i < length; i++) spare[i] = rows[from + i]!
    let left = 0
    let right = middle
    let into = from
    while (left < length && right < end) {
      if (this.#isBefore(rows[right]!, spare[left]!)) rows[into++] = rows[right++]!
      else rows[into++] = spare[left++]!
    }
    while (left < length) rows[into++] = spare[left++]!
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!
    return difference < 0 || (difference === 0 && this.#tie(a, b) < 0)
  }
}

/** A column in the order of `rows`. */
export function gathered<Values extends Int32Array | Float32Array | Float64Array>(
  values: Values,
  rows: Int32Array,
): Values {
  const into = new (values.constructor as new (length: number) => Values)(rows.length)
  for (let at = 0; at < rows.length; at++) into[at] = values[rows[at]!]!
  return into
}
