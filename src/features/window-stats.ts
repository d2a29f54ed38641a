import type { WindowStat } from '../spec/index.ts'
import type { Bounds } from './window-bounds.ts'

/*
 * Statistics of sliding windows. Nothing is ever subtracted: a window is a front, whose suffixes
 * were aggregated when it was last used up, and a back, which grows one value at a time ("two
 * stacks": Tangwongsan, Hirzel, Schneider, "Low-latency sliding-window aggregation in worst-case
 * constant time", DEBS 2017). So sums cannot drift and a value that left leaves no trace, at a
 * constant cost a step; minimum and maximum need no deque. NaN is a missing value, and skipped.
 * Means and deviations of two stretches are merged after Chan, Golub and LeVeque (1979).
 */

/** Where the statistics of one window of one value go, by row. */
export type StatOutputs = Partial<Record<WindowStat, Float32Array | Float64Array>>

export interface StatInput {
  readonly bounds: Bounds
  /** By position of the event; NaN is missing. */
  readonly values: Float64Array
  /** `rows[ask]` is where the answer of that ask is written. */
  readonly rows: Int32Array
}

/** Fills every output that is asked for. */
export function slideWindow(input: StatInput, out: StatOutputs): void {
  if (out.count) slideCount(input, out.count)
  if (out.last) slideLast(input, out.last)
  if (out.sum || out.mean) slideSum(input, out.sum, out.mean)
  if (out.std) slideDeviation(input, out.std)
  if (out.min) slideExtreme(input, out.min, 1)
  if (out.max) slideExtreme(input, out.max, -1)
}

type Output = Float32Array | Float64Array

function slideCount({ bounds, values, rows }: StatInput, out: Output): void {
  const before = countsBefore(values)
  for (let ask = 0; ask < rows.length; ask++) {
    out[rows[ask]!] = before[bounds.to[ask]!]! - before[bounds.from[ask]!]!
  }
}

function countsBefore(values: Float64Array): Int32Array {
  const before = new Int32Array(values.length + 1)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    before[i + 1] = before[i]! + (Number.isNaN(value) ? 0 : 1)
  }
  return before
}

function slideLast({ bounds, values, rows }: StatInput, out: Output): void {
  const lastAt = new Int32Array(values.length)
  let last = -1
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isNaN(value)) last = i
    lastAt[i] = last
  }
  for (let ask = 0; ask < rows.length; ask++) {
    const to = bounds.to[ask]!
    const at = to > 0 ? lastAt[to - 1]! : -1
    out[rows[ask]!] = at >= bounds.from[ask]! ? values[at]! : Number.NaN
  }
}

function slideSum(
  { bounds, values, rows }: StatInput,
  outSum: Output | undefined,
  outMean: Output | undefined,
): void {
  const before = countsBefore(values)
  const suffix = new Float64Array(values.length)
  let middle = 0
  let top = 0
  let back = 0
  for (let ask = 0; ask < rows.length; ask++) {
    const from = bounds.from[ask]!
    const to = bounds.to[ask]!
    if (from >= middle) {
      let sum = 0
      for (let i = to - 1; i >= from; i--) {
        const value = values[i]!
        if (!Number.isNaN(value)) sum += value
        suffix[i] = sum
      }
      middle = to
      top = to
      back = 0
    }
    for (; top < to; top++) {
      const value = values[top]!
      if (!Number.isNaN(value)) back += value
    }
    const sum = (from < middle ? suffix[from]! : 0) + back
    const row = rows[ask]!
    if (outSum) outSum[row] = sum
    if (outMean) outMean[row] = sum / (before[to]! - before[from]!) // 0 / 0 is NaN: missing.
  }
}

function slideDeviation({ bounds, values, rows }: StatInput, out: Output): void {
  const counts = new Int32Array(values.length)
  const means = new Float64Array(values.length)
  const squares = new Float64Array(values.length)
  let middle = 0
  let top = 0
  let count = 0
  let mean = 0
  let square = 0
  for (let ask = 0; ask < rows.length; ask++) {
    const from = bounds.from[ask]!
    const to = bounds.to[ask]!
    const startsAnew = from >= middle
    if (startsAnew) {
      count = 0
      mean = 0
      square = 0
    }
    const step = startsAnew ? -1 : 1
    const end = startsAnew ? from - 1 : to
    for (let i = startsAnew ? to - 1 : top; i !== end && (step < 0 || i < end); i += step) {
      const value = values[i]!
      if (!Number.isNaN(value)) {
        count++
        const away = value - mean
        mean += away / count
        square += away * (value - mean)
      }
      if (startsAnew) {
        counts[i] = count
        means[i] = mean
        squares[i] = square
      }
    }
    if (startsAnew) {
      middle = to
      count = 0
      mean = 0
      square = 0
    }
    top = to
    const hasFront = from < middle
    const frontCount = hasFront ? counts[from]! : 0
    const total = frontCount + count
    const away = hasFront ? mean - means[from]! : 0
    const between = total > 0 ? (away * away * frontCount * count) / total : 0
    const sumOfSquares = (hasFront ? squares[from]! : 0) + square + between
    out[rows[ask]!] = total < 2 ? Number.NaN : Math.sqrt(sumOfSquares / (total - 1))
  }
}

/** The least of `sign * value`: the minimum for 1, the maximum for -1. */
function slideExtreme({ bounds, values, rows }: StatInput, out: Output, sign: 1 | -1): void {
  const suffix = new Float64Array(values.length)
  let middle = 0
  let top = 0
  let back = Number.POSITIVE_INFINITY
  for (let ask = 0; ask < rows.length; ask++) {
    const from = bounds.from[ask]!
    const to = bounds.to[ask]!
    if (from >= middle) {
      let least = Number.POSITIVE_INFINITY
      for (let i = to - 1; i >= from; i--) {
        const value = values[i]! * sign
        if (value < least) least = value
        suffix[i] = least
      }
      middle = to
      top = to
      back = Number.POSITIVE_INFINITY
    }
    for (; top < to; top++) {
      const value = values[top]! * sign
      if (value < back) back = value
    }
    const front = from < middle ? suffix[from]! : Number.POSITIVE_INFINITY
    const least = Math.min(front, back)
    out[rows[ask]!] = least === Number.POSITIVE_INFINITY ? Number.NaN : least * sign
  }
}

/** The same statistic of one window alone, of its values from the oldest on. */
export function plainStat(stat: WindowStat, window: readonly number[]): number {
  const values = window.filter(value => !Number.isNaN(value))
  const count = values.length
  const sum = values.reduce((total, value) => total + value, 0)
  switch (stat) {
    case 'count':
      return count
    case 'sum':
      return sum
    case 'mean':
      return sum / count
    case 'last':
      return values.at(-1) ?? Number.NaN
    case 'min':
      return count === 0 ? Number.NaN : values.reduce((a, b) => Math.min(a, b))
    case 'max':
      return count === 0 ? Number.NaN : values.reduce((a, b) => Math.max(a, b))
    case 'std': {
      const mean = sum / count
      const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0)
      return count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1))
    }
    default:
      return stat satisfies never
  }
}
