import type { LevelGroups } from './tree.ts'

/*
 * What the labels of a leaf's training rows add up to. A group's are those of its leaves: see
 * `labelsOf`.
 */

/** By leaf of the frame; leaves outside the parts that were read stay zero. */
export interface LeafCounts {
  readonly rows: Int32Array
  readonly dropped: Int32Array
  readonly sum: Float64Array
  /** Of squared labels. */
  readonly squares: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
}

export function noCounts(leaves: number): LeafCounts {
  return {
    rows: new Int32Array(leaves),
    dropped: new Int32Array(leaves),
    sum: new Float64Array(leaves),
    squares: new Float64Array(leaves),
    low: new Float64Array(leaves).fill(Number.POSITIVE_INFINITY),
    high: new Float64Array(leaves).fill(Number.NEGATIVE_INFINITY),
  }
}

/** Counts the labels of a part's leaves: leaf l has rows [leafStart[l], leafStart[l + 1]). */
export function countLabels(
  y: Float64Array,
  leafStart: Int32Array,
  leafFrom: number,
  counts: LeafCounts,
): void {
  for (let l = 0; l + 1 < leafStart.length; l++) {
    let sum = 0
    let squares = 0
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (let r = leafStart[l]!; r < leafStart[l + 1]!; r++) {
      const value = y[r]!
      sum += value
      squares += value * value
      if (value < low) low = value
      if (value > high) high = value
    }
    const leaf = leafFrom + l
    counts.rows[leaf] = leafStart[l + 1]! - leafStart[l]!
    counts.sum[leaf] = sum
    counts.squares[leaf] = squares
    counts.low[leaf] = low
    counts.high[leaf] = high
  }
}

/** What is known of the labels of a group's training rows, from the counts of its leaves. */
export interface GroupLabels {
  readonly rows: number
  readonly dropped: number
  readonly sum: number
  /** Population standard deviation. */
  readonly deviation: number
  readonly low: number
  readonly high: number
}

export function labelsOf(counts: LeafCounts, level: LevelGroups, group: number): GroupLabels {
  let rows = 0
  let dropped = 0
  let sum = 0
  let squares = 0
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let leaf = level.leafStart[group]!; leaf < level.leafStart[group + 1]!; leaf++) {
    rows += counts.rows[leaf]!
    dropped += counts.dropped[leaf]!
    sum += counts.sum[leaf]!
    squares += counts.squares[leaf]!
    low = Math.min(low, counts.low[leaf]!)
    high = Math.max(high, counts.high[leaf]!)
  }
  const variance = rows === 0 ? 0 : squares / rows - (sum / rows) ** 2
  return { rows, dropped, sum, deviation: Math.sqrt(Math.max(0, variance)), low, high }
}
