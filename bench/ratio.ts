import { SeededRandom } from '../src/base/random.ts'

/*
 * How a benchmark states a figure. Clocks of a shared machine swing by half within minutes, so only
 * ratios of windows that lie side by side are claimed: the median of the pairs, with a bootstrap
 * interval (Efron, 1979), and beside it the ratio of a side against itself in the same run.
 */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

export interface Interval {
  readonly median: number
  /** Of the median, 95%. */
  readonly lower: number
  readonly upper: number
  readonly pairs: number
}

const draws = 4_000

/** Median of paired ratios with a bootstrap 95% interval; the draws are seeded. */
export function interval(ratios: readonly number[]): Interval {
  const random = new SeededRandom(95)
  const medians = Array.from({ length: draws }, () =>
    median(ratios.map(() => ratios[random.below(ratios.length)]!)),
  ).sort((a, b) => a - b)
  return {
    median: round(median(ratios)),
    lower: round(medians[Math.floor(draws * 0.025)]!),
    upper: round(medians[Math.ceil(draws * 0.975) - 1]!),
    pairs: ratios.length,
  }
}

export function intervalText({ median: middle, lower, upper, pairs }: Interval): string {
  return `${middle} (95%: ${lower} to ${upper}; ${pairs} pairs)`
}

/** Four digits: no clock here knows more. */
export function round(value: number): number {
  return Number(value.toPrecision(4))
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
}

export function spread(values: readonly number[]): Spread {
  return {
    median: round(median(values)),
    min: round(Math.min(...values)),
    max: round(Math.max(...values)),
    runs: values.length,
  }
}

export function spreadText({ median: middle, min, max }: Spread, unit: string): string {
  return `${middle} ${unit} (${min} to ${max})`
}
