import type { Metrics } from '../fleet/index.ts'
import { areaUnderCurve } from './auc.ts'

export type Task = 'regression' | 'classification'

/**
 * How near to 0 or 1 a probability counts in the log loss: the resolution of float32, in which
 * answers are given. One certain and wrong answer then costs 15.9, not infinity.
 */
const probabilityEdge = 2 ** -23

/** Bins of the expected calibration error, of equal width. */
const calibrationBins = 10

export function rowLoss(task: Task, y: number, answer: number): number {
  if (task === 'regression') return (y - answer) ** 2
  const p = Math.min(Math.max(answer, probabilityEdge), 1 - probabilityEdge)
  return y > 0.5 ? -Math.log(p) : -Math.log(1 - p)
}

/**
 * Metrics of answers to labels, row by row; both have the same length, and no NaN. Those that
 * cannot be computed (no rows, one class only, constant label for R2) are left out.
 */
export function metricsOf(task: Task, y: Float64Array, answers: Float32Array): Metrics {
  if (y.length === 0) return { rows: 0 }
  return task === 'regression' ? regressionMetrics(y, answers) : classMetrics(y, answers)
}

function regressionMetrics(y: Float64Array, answers: Float32Array): Metrics {
  const rows = y.length
  let mean = 0
  for (let r = 0; r < rows; r++) mean += y[r]!
  mean /= rows
  let squares = 0
  let absolutes = 0
  let spread = 0
  for (let r = 0; r < rows; r++) {
    const error = y[r]! - answers[r]!
    squares += error * error
    absolutes += Math.abs(error)
    spread += (y[r]! - mean) ** 2
  }
  const loss = squares / rows
  const metrics = { rows, loss, rmse: Math.sqrt(loss), mae: absolutes / rows }
  return spread > 0 ? { ...metrics, r2: 1 - squares / spread } : metrics
}

function classMetrics(y: Float64Array, answers: Float32Array): Metrics {
  const rows = y.length
  let loss = 0
  let squares = 0
  const binExcess = new Float64Array(calibrationBins)
  for (let r = 0; r < rows; r++) {
    const p = answers[r]!
    loss += rowLoss('classification', y[r]!, p)
    squares += (y[r]! - p) ** 2
    const bin = Math.min(calibrationBins - 1, Math.floor(p * calibrationBins))
    binExcess[bin] = binExcess[bin]! + y[r]! - p
  }
  // The weight of a bin is its share of rows, so rows cancel: sum of |sum of (y - p)| over rows.
  let off = 0
  for (const excess of binExcess) off += Math.abs(excess)
  const auc = areaUnderCurve(y, answers)
  return {
    rows,
    loss: loss / rows,
    logLoss: loss / rows,
    ...(auc === undefined ? {} : { auc }),
    brier: squares / rows,
    calibrationError: off / rows,
  }
}
