import type { ColumnProfile } from '../fleet/index.ts'
import { quantileLevels } from './column-profiles.ts'

/*
 * How far a column has moved between two profiles: the population stability index (Lewis, "An
 * Introduction to Credit Scoring", 1994; Siddiqi, "Credit Risk Scorecards", 2006), which is the
 * symmetric divergence of Jeffreys over bins: the sum of (q - p) ln(q / p). By custom below 0.1
 * nothing has moved, above 0.25 much has. Two profiles suffice for it, so no row is read again.
 *
 * Bins of few values (all of them are among the most frequent): the values. Of numbers and times:
 * ten, between the deciles of the earlier profile, with the shares of both read off their quantiles
 * by straight lines, so that equal profiles give exactly 0, however their values tie. Of other
 * texts: the earlier one's most frequent values and the rest. Nulls are a bin of their own.
 */

/** Bins between the quantiles 0.1, 0.2, ... 0.9. */
const decileEvery = 2
/** Added to each count, as Jeffreys' prior does, so that an empty bin makes no infinite index. */
const halfCount = 0.5

/** The index, or undefined where the two cannot be compared: one has no values or another type. */
export function stabilityIndex(before: ColumnProfile, now: ColumnProfile): number | undefined {
  if (before.rows === 0 || now.rows === 0) return undefined
  const bins = binsOf(before, now)
  if (bins === undefined) return undefined
  bins.push([before.nulls, now.nulls])
  const share = (count: number, rows: number) =>
    (count + halfCount) / (rows + halfCount * bins.length)
  let index = 0
  for (const [then, since] of bins) {
    const p = share(then, before.rows)
    const q = share(since, now.rows)
    index += (q - p) * Math.log(q / p)
  }
  return index
}

/** Counts in the earlier and in the later one. */
type Bin = readonly [before: number, now: number]

function binsOf(before: ColumnProfile, now: ColumnProfile): Bin[] | undefined {
  if (isWhole(before) && isWhole(now)) return valueBins(before, now)
  const measured = (profile: ColumnProfile) => profile.quantiles.length > 0
  if (measured(before) && measured(now)) return quantileBins(before, now)
  return measured(before) || measured(now) ? undefined : textBins(before, now)
}

/** Whether every value is among the most frequent. */
function isWhole({ top, distinct }: ColumnProfile): boolean {
  return distinct <= top.length
}

function valueBins(before: ColumnProfile, now: ColumnProfile): Bin[] {
  const then = countsOf(before)
  const since = countsOf(now)
  const values = new Set([...then.keys(), ...since.keys()])
  return [...values].map(value => [then.get(value) ?? 0, since.get(value) ?? 0])
}

function countsOf({ top }: ColumnProfile): ReadonlyMap<string, number> {
  return new Map(top.map(({ value, count }) => [value, count]))
}

function quantileBins(before: ColumnProfile, now: ColumnProfile): Bin[] {
  const inner = before.quantiles.filter(
    (_, at) => at % decileEvery === 0 && at > 0 && at < quantileLevels.length - 1,
  )
  const edges = [...new Set(inner)]
  const then = countsBetween(before, edges)
  const since = countsBetween(now, edges)
  return then.map((count, at) => [count, since[at] ?? 0])
}

/** Rows up to each edge, and behind the last. */
function countsBetween(
  { quantiles, rows, nulls }: ColumnProfile,
  edges: readonly number[],
): readonly number[] {
  const below = [...edges.map(edge => shareUpTo(quantiles, edge)), 1]
  return below.map((share, at) => (share - (below[at - 1] ?? 0)) * (rows - nulls))
}

/** The share of values up to `edge`; where many are equal to it, all of them. */
function shareUpTo(quantiles: readonly number[], edge: number): number {
  const at = quantiles.findLastIndex(quantile => quantile <= edge)
  if (at < 0) return 0
  const [level = 0, next] = quantileLevels.slice(at)
  const from = quantiles[at]
  const to = quantiles[at + 1]
  if (next === undefined || from === undefined || to === undefined) return 1
  return level + ((next - level) * (edge - from)) / (to - from)
}

/**
 * The later one keeps its own most frequent values: an earlier one's that is not among them is at
 * most as frequent as the least of them, and counts as near to what it was as that allows.
 */
function textBins(before: ColumnProfile, now: ColumnProfile): Bin[] {
  const since = countsOf(now)
  const most = isWhole(now) ? 0 : (now.top.at(-1)?.count ?? 0)
  const scale = now.rows / before.rows
  const bins = before.top.map(
    ({ value, count }): Bin => [count, since.get(value) ?? Math.min(most, count * scale)],
  )
  const rest = ({ rows, nulls }: ColumnProfile, side: 0 | 1) =>
    Math.max(
      0,
      bins.reduce((left, bin) => left - bin[side], rows - nulls),
    )
  bins.push([rest(before, 0), rest(now, 1)])
  return bins
}
