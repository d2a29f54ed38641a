import type { ModelName } from '../base/ids.ts'

/**
 * Numbers over one span. Absent means: does not apply, or could not be computed (one class only, no
 * rows).
 */
export interface Metrics {
  readonly rows: number
  /** The proper loss of the task, a row: squared error, or log loss (natural logarithm). */
  readonly loss?: number
  readonly rmse?: number
  readonly mae?: number
  readonly r2?: number
  readonly logLoss?: number
  /** Area under the ROC curve; ties count half (Hanley and McNeil, 1982). */
  readonly auc?: number
  readonly brier?: number
  /** Expected calibration error over ten bins of equal width (Naeini et al., 2015). */
  readonly calibrationError?: number
}

/**
 * Mean paired difference of the loss a row, candidate minus other, on the same rows: negative means
 * that the candidate is better. The interval is 95%, robust to dependence of rows within a day
 * (Liang and Zeger, 1986), by Student's t with one degree of freedom less than there are days. One
 * day only: no interval.
 */
export interface Difference {
  readonly rows: number
  readonly days: number
  readonly mean: number
  readonly standardError?: number
  readonly lower?: number
  readonly upper?: number
}

export interface Rival {
  readonly name: string
  readonly metrics: Metrics
  readonly difference: Difference
}

/** What the judging span says of exactly the bytes that would serve. */
export interface Evidence {
  readonly task: 'regression' | 'classification'
  /** As declared: `2001-05`. */
  readonly span: string
  readonly candidate: Metrics
  /** The naive baseline: the mean, or base rate, of the member's training rows. */
  readonly baseline: Rival
  /** What serves now, when it can be compared; else why not. */
  readonly champion?: Rival
  readonly championAbsent?: 'none' | 'other-view' | 'bytes-gone'
  /**
   * Nearest first. The gate compares with the first of these that would answer in the member's
   * place.
   */
  readonly ancestors: readonly (Rival & { readonly name: ModelName })[]
}

/** What a judge step leaves behind, as a JSON blob: in the order of the fitted members. */
export interface JudgeOutput {
  readonly evidence: readonly { readonly name: ModelName; readonly evidence: Evidence }[]
}
