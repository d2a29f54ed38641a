/*
 * The expected difference of a member, shrunk towards its siblings': empirical Bayes,
 * normal-normal. Each member's mean difference y is its true one plus noise of variance s^2 (its
 * standard error squared); the true ones are spread round a common mean with variance tau^2. tau^2
 * by the method of moments of DerSimonian and Laird (1986), and y shrunk by s^2 / (s^2 + tau^2) as
 * in Efron and Morris (1975).
 */

export interface Measured {
  readonly mean: number
  /** Absent where one day only was seen. */
  readonly standardError?: number | undefined
  readonly rows: number
  readonly days: number
}

/** What the siblings say before the member itself is looked at. */
export interface Prior {
  readonly mean: number
  /** tau^2: spread of the true differences. */
  readonly variance: number
  /** Least noise variance that is believed of a member. */
  readonly noiseMin: number
  /** Typical noise variance times rows, and times days, to guess that of a member without one. */
  readonly noisePerRow: number
  readonly noisePerDay: number
}

/** Members with a standard error below which a group is too small to say what siblings are like. */
export const siblingsMin = 10

/** Shrinking helps from three on (James and Stein, 1961); fewer say nothing of a spread. */
const measuredMin = 3

/**
 * A standard error less than this share of the siblings' median is taken as that share: over few
 * days one may be tiny by luck, or zero where two models agree, and would carry all the weight.
 */
const noiseShareMin = 0.1

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}

function hasError(member: Measured): member is Measured & { readonly standardError: number } {
  const { mean, standardError } = member
  return (
    standardError !== undefined &&
    Number.isFinite(standardError * standardError) &&
    standardError >= 0 &&
    Number.isFinite(mean)
  )
}

export function countMeasured(members: readonly Measured[]): number {
  return members.reduce((count, member) => count + (hasError(member) ? 1 : 0), 0)
}

/** The prior of a group, or undefined when fewer than three of it have a standard error. */
export function priorOf(members: readonly Measured[]): Prior | undefined {
  const measured = members.filter(hasError)
  if (measured.length < measuredMin) return undefined
  const noise = measured.map(m => m.standardError ** 2)
  const noiseMin = noiseShareMin ** 2 * median(noise)
  const spread = {
    noiseMin,
    noisePerRow: median(measured.map(m => m.standardError ** 2 * m.rows)),
    noisePerDay: median(measured.map(m => m.standardError ** 2 * m.days)),
  }
  const means = measured.map(m => m.mean)
  if (noiseMin === 0) return { mean: median(means), variance: Number.POSITIVE_INFINITY, ...spread }
  // Weights are taken relative to the typical one, so that no square of them leaves the range of a
  // double.
  const unit = median(noise)
  const fixed = noise.map(v => unit / Math.max(v, noiseMin))
  const variance = unit * betweenVariance(means, fixed, unit)
  if (variance === Number.POSITIVE_INFINITY) return { mean: median(means), variance, ...spread }
  const weights = noise.map(v => unit / (Math.max(v, noiseMin) + variance))
  return { mean: weightedMean(means, weights), variance, ...spread }
}

function weightedMean(values: readonly number[], weights: readonly number[]): number {
  let total = 0
  let sum = 0
  for (const [i, value] of values.entries()) {
    total += weights[i] ?? 0
    sum += value * (weights[i] ?? 0)
  }
  return sum / total
}

/** DerSimonian and Laird's tau^2 in units of `unit`, with weights `unit / s^2`. Never negative. */
function betweenVariance(
  means: readonly number[],
  weights: readonly number[],
  unit: number,
): number {
  const centre = weightedMean(means, weights)
  let q = 0
  let total = 0
  let squares = 0
  for (const [i, mean] of means.entries()) {
    const w = weights[i] ?? 0
    q += (w * (mean - centre) ** 2) / unit
    total += w
    squares += w * w
  }
  const scale = total - squares / total
  const found = (q - (means.length - 1)) / scale
  return Number.isNaN(found) ? 0 : Math.max(0, found)
}

/**
 * The expected difference of a member. Without a prior it is its own mean. A member without a
 * standard error of its own (one day only) borrows one: the siblings' typical noise for so few rows
 * or days, whichever is more; a guess, but one that keeps what the member has shown in proportion.
 */
export function shrunk(member: Measured, prior: Prior | undefined): number {
  if (prior === undefined || !Number.isFinite(member.mean)) return member.mean
  if (prior.variance === Number.POSITIVE_INFINITY) return member.mean
  const own = hasError(member)
    ? member.standardError ** 2
    : Math.max(
        prior.noisePerRow / Math.max(1, member.rows),
        prior.noisePerDay / Math.max(1, member.days),
      )
  const noise = Math.max(own, prior.noiseMin)
  const towardsPrior = 1 / (1 + prior.variance / noise)
  const between = prior.mean * towardsPrior + member.mean * (1 - towardsPrior)
  // Rounding may step over an end by one unit in the last place.
  const low = Math.min(prior.mean, member.mean)
  return Math.min(Math.max(between, low), Math.max(prior.mean, member.mean))
}
