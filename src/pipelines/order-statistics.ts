/* Statistics of values in order. `sorted` is ascending. */

/**
 * Type 7 of Hyndman and Fan (1996): linear between the order statistics, as NumPy has it. There is
 * at least one value.
 */
export function quantileOfSorted(sorted: Float64Array, share: number): number {
  const place = (sorted.length - 1) * share
  const below = Math.floor(place)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (place - below) * (high - low)
}

/** The values that occur most often, at most `most` of them, ascending; of equals the smaller. */
export function mostFrequent(sorted: Float64Array, most: number): readonly number[] {
  const values: number[] = []
  const counts: number[] = []
  for (let from = 0; from < sorted.length; ) {
    let to = from + 1
    while (to < sorted.length && sorted[to] === sorted[from]) to++
    values.push(sorted[from]!)
    counts.push(to - from)
    from = to
  }
  if (values.length <= most) return values
  const order = Uint32Array.from(values.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b)
  return Array.from(order.subarray(0, most).sort(), i => values[i]!)
}

/** Two edges nearer than this are one, as in scikit-learn's KBinsDiscretizer. */
const edgeGap = 1e-8

/**
 * The lower edges of the second bucket and those after it, float32: quantiles of the values. Fewer
 * than `count - 1` where many values are equal.
 */
export function bucketEdges(sorted: Float64Array, count: number): readonly number[] {
  if (sorted.length === 0) return []
  const edges: number[] = []
  for (let n = 0; n <= count; n++) {
    const edge = quantileOfSorted(sorted, n / count)
    if (!(edge - (edges.at(-1) ?? Number.NEGATIVE_INFINITY) <= edgeGap)) edges.push(edge)
  }
  return edges.slice(1, -1).map(Math.fround)
}
