/*
 * Rows by group, in each in order of time: one counting sort by group, which takes the times along,
 * then each group by itself. What is sorted by group and time already, in one file or in several
 * one behind the other, is only looked over and merged. What comes in no order goes digit by digit:
 * a comparison of times that nobody can foresee costs more than a pass over rows in the cache.
 */

import { ColumnMemory } from './column-memory.ts'

export interface Grouped {
  /** Rows by group, in each in order of time. */
  readonly rows: Int32Array
  /** Rows of group g are [starts[g], starts[g + 1]). */
  readonly starts: Int32Array
}

export interface GroupedInTime extends Grouped {
  /** In the order of `rows`. */
  readonly times: Float64Array
}

/** Below 0: row a comes before row b, whose time is equal. */
export type Tie = (a: number, b: number) => number

/**
 * Orders the rows 0, 1, ... of groups in [1, count]. Group 0 has those that have none, or whose
 * time is NaN, in no order. Rows that tie keep theirs. What is given lies in `memory`.
 */
export function groupInTime(
  groups: Int32Array,
  count: number,
  times: Float64Array,
  tie: Tie = () => 0,
  memory = new ColumnMemory(),
): GroupedInTime {
  const starts = new Int32Array(count + 2)
  for (let row = 0; row < groups.length; row++) {
    const next = (Number.isNaN(times[row]!) ? 0 : groups[row]!) + 1
    starts[next] = starts[next]! + 1
  }
  for (let group = 0; group <= count; group++) {
    starts[group + 1] = starts[group + 1]! + starts[group]!
  }
  const free = starts.slice()
  const rows = memory.column(Int32Array, groups.length)
  const ordered = memory.column(Float64Array, groups.length)
  for (let row = 0; row < groups.length; row++) {
    const time = times[row]!
    const group = Number.isNaN(time) ? 0 : groups[row]!
    const where = free[group]!
    free[group] = where + 1
    rows[where] = row
    ordered[where] = time
  }
  const sort = new StretchSort(rows, ordered, tie)
  for (let group = 1; group <= count; group++) sort.sort(starts[group]!, starts[group + 1]!)
  return { rows, starts, times: ordered }
}

/** Runs shorter than this are made longer one row at a time. */
const runRowsMin = 16
/** Below this many rows, inserting and merging is quicker than counting digits. */
const digitRowsMin = 64
/** From this many rows on 2,048 digits are counted at a time, else 256. */
const wideRowsMin = 4_096
/** Of rows one after the other, so many must be out of order for a sort digit by digit. */
const disorderMin = 1 / 16

/** A stable sort of stretches of rows and their times. */
class StretchSort {
  readonly #tie: Tie
  #rows: Int32Array
  #times: Float64Array
  #spareRows = new Int32Array(64)
  #spareTimes = new Float64Array(64)
  readonly #counts = new Int32Array(2_048)

  constructor(rows: Int32Array, times: Float64Array, tie: Tie) {
    this.#rows = rows
    this.#times = times
    this.#tie = tie
  }

  sort(from: number, end: number): void {
    // To sort a few rows is to make one run of them.
    const first = end - from <= runRowsMin ? this.#runEnd(from, end) : this.#runTo(from, end)
    if (first >= end) return
    if (end - from < digitRowsMin || !this.#isDisordered(from, end)) this.#sortRuns(from, end)
    else this.#sortDigits(from, end)
  }

  #isDisordered(from: number, end: number): boolean {
    const times = this.#times
    let falls = 0
    for (let at = from + 1; at < end; at++) if (times[at]! < times[at - 1]!) falls++
    return falls > (end - from) * disorderMin
  }

  /** By whole units of time, then what is in one of them: what ties, or differs by a fraction. */
  #sortDigits(from: number, end: number): void {
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (let at = from; at < end; at++) {
      const time = this.#times[at]!
      if (time < least) least = time
      if (time > most) most = time
    }
    if (!(most - least < Number.MAX_SAFE_INTEGER)) {
      this.#sortRuns(from, end)
      return
    }
    const bits = end - from < wideRowsMin ? 8 : 11
    for (let scale = 1; scale <= most - least; scale *= 2 ** bits) {
      this.#passByDigit(from, end, { least, by: 1 / scale, mask: 2 ** bits - 1 })
    }
    const times = this.#times
    for (let at = from; at < end; ) {
      const first = at
      const next = Math.trunc(times[at]! - least) + 1
      do at++
      while (at < end && times[at]! - least < next)
      if (at - first > 1 && this.#runTo(first, at) < at) this.#sortRuns(first, at)
    }
  }

  #passByDigit(
    from: number,
    end: number,
    { least, by, mask }: { readonly least: number; readonly by: number; readonly mask: number },
  ): void {
    const length = end - from
    this.#reserve(length)
    const [rows, times] = [this.#rows, this.#times]
    const [spareRows, spareTimes] = [this.#spareRows, this.#spareTimes]
    const counts = this.#counts.fill(0, 0, mask + 1)
    for (let at = from; at < end; at++) {
      const digit = ((times[at]! - least) * by) & mask
      counts[digit] = counts[digit]! + 1
    }
    let next = 0
    for (let digit = 0; digit <= mask; digit++) {
      const count = counts[digit]!
      counts[digit] = next
      next += count
    }
    for (let at = from; at < end; at++) {
      const time = times[at]!
      const digit = ((time - least) * by) & mask
      const where = counts[digit]!
      counts[digit] = where + 1
      spareRows[where] = rows[at]!
      spareTimes[where] = time
    }
    rows.set(spareRows.subarray(0, length), from)
    times.set(spareTimes.subarray(0, length), from)
  }

  /** A natural merge sort: finds what is in order already. */
  #sortRuns(from: number, end: number): void {
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

  #runTo(from: number, end: number): number {
    const [rows, times, tie] = [this.#rows, this.#times, this.#tie]
    let at = from + 1
    for (; at < end; at++) {
      if (times[at]! < times[at - 1]!) break
      if (times[at]! === times[at - 1]! && tie(rows[at]!, rows[at - 1]!) < 0) break
    }
    return at
  }

  /** Where the run that begins at `from` ends. */
  #runEnd(from: number, end: number): number {
    const [rows, times] = [this.#rows, this.#times]
    let at = this.#runTo(from, end)
    const least = Math.min(end, from + runRowsMin)
    for (; at < least; at++) {
      const row = rows[at]!
      const time = times[at]!
      let into = at
      for (; into > from && this.#isBefore(time, row, times[into - 1]!, rows[into - 1]!); into--) {
        rows[into] = rows[into - 1]!
        times[into] = times[into - 1]!
      }
      rows[into] = row
      times[into] = time
    }
    return at
  }

  /** Costs as much as overlaps: rows that are late are late by little. */
  #merge(from: number, middle: number, end: number): void {
    const start = this.#placeIn(from, middle, this.#times[middle]!, this.#rows[middle]!)
    const length = middle - start
    if (length === 0) return
    const [rows, times] = [this.#rows, this.#times]
    this.#reserve(length)
    const [spareRows, spareTimes] = [this.#spareRows, this.#spareTimes]
    for (let i = 0; i < length; i++) {
      spareRows[i] = rows[start + i]!
      spareTimes[i] = times[start + i]!
    }
    let left = 0
    let right = middle
    let into = start
    while (left < length && right < end) {
      const isRight = this.#isBefore(
        times[right]!,
        rows[right]!,
        spareTimes[left]!,
        spareRows[left]!,
      )
      rows[into] = isRight ? rows[right]! : spareRows[left]!
      times[into++] = isRight ? times[right++]! : spareTimes[left++]!
    }
    for (; left < length; left++) {
      rows[into] = spareRows[left]!
      times[into++] = spareTimes[left]!
    }
  }

  /** The first place of [from, end), in order, that the row comes before; or the end. */
  #placeIn(from: number, end: number, time: number, row: number): number {
    let [low, high] = [from, end]
    while (low < high) {
      const at = (low + high) >>> 1
      if (this.#isBefore(time, row, this.#times[at]!, this.#rows[at]!)) high = at
      else low = at + 1
    }
    return low
  }

  #isBefore(time: number, row: number, otherTime: number, otherRow: number): boolean {
    return time < otherTime || (time === otherTime && this.#tie(row, otherRow) < 0)
  }

  #reserve(length: number): void {
    if (this.#spareRows.length >= length) return
    this.#spareRows = new Int32Array(2 * length)
    this.#spareTimes = new Float64Array(2 * length)
  }
}

/** A column in the order of `rows`. */
export function gathered<Values extends Int32Array | Float32Array | Float64Array>(
  values: Values,
  rows: Int32Array,
  into = new (values.constructor as new (length: number) => Values)(rows.length),
): Values {
  for (let at = 0; at < rows.length; at++) into[at] = values[rows[at]!]!
  return into
}
