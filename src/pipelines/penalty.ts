import { halfQuadratic, type SymmetricSolver } from './cholesky.ts'
import type { MomentShape } from './moments.ts'

/*
 * The choice of the penalty on folds, by the quadratic expansion of the loss at the parent's
 * coefficients.
 *
 * With h and g the moments there, a step d changes half the squared error (ridge) or the log loss
 * (logistic) by d'Hd / 2 - g'd: exactly for ridge, to second order for logistic. Folds are blocks
 * of days in order of time, and each is predicted from those before it (rolling origin; Tashman,
 * 2000), as the model will be used: for penalty and fold f, d = (H_before + penalty I)^-1 g_before
 * is scored on f by d'H_f d / 2 - g_f'd. It costs no further pass over the rows, which is what
 * makes a search for each of thousands of members affordable.
 */

/**
 * A member's moments at its parent's coefficients: `folds` blocks of `shape.length`, one after the
 * other.
 */
export interface FoldMoments {
  readonly blocks: Float64Array
  readonly at: number
}

export class PenaltyScores {
  readonly #shape: MomentShape
  readonly #folds: number
  readonly #solver: SymmetricSolver
  /** Sum of the folds before the one at hand. */
  readonly #before: Float64Array
  readonly #step: Float64Array

  constructor(shape: MomentShape, folds: number, solver: SymmetricSolver) {
    this.#shape = shape
    this.#folds = folds
    this.#solver = solver
    this.#before = new Float64Array(shape.length)
    this.#step = new Float64Array(shape.size)
  }

  /**
   * Change of the held-out loss for each of `penalties`, summed over folds: negative is better
   * than the parent. A penalty that gives no solution on some fold scores infinity. `penalised`:
   * leading coefficients that lean.
   */
  of(moments: FoldMoments, penalties: readonly number[], penalised: number): Float64Array {
    const { size, g, length } = this.#shape
    const scores = new Float64Array(penalties.length)
    const before = this.#before
    const step = this.#step
    before.fill(0)
    for (let fold = 1; fold < this.#folds; fold++) {
      const at = moments.at + fold * length
      const previous = at - length
      for (let k = 0; k < length; k++) before[k] = before[k]! + moments.blocks[previous + k]!
      // The last entry of h is the intercept's, which sees every row: a fold without rows has
      // nothing there.
      if (moments.blocks[at + g - 1] === 0) continue
      for (let p = 0; p < penalties.length; p++) {
        for (let i = 0; i < size; i++) step[i] = before[g + i]!
        if (!this.#solver.solve(before, 0, penalties[p]!, penalised, step)) {
          scores[p] = Number.POSITIVE_INFINITY
          continue
        }
        let gain = 0
        for (let i = 0; i < size; i++) gain += moments.blocks[at + g + i]! * step[i]!
        scores[p] = scores[p]! + halfQuadratic(moments.blocks, at, step, size) - gain
      }
    }
    return scores
  }
}

/** The sum of `folds` blocks, into `out`. */
export function sumBlocks(
  moments: FoldMoments,
  folds: number,
  length: number,
  out: Float64Array,
): Float64Array {
  out.fill(0, 0, length)
  for (let fold = 0, k = moments.at; fold < folds; fold++) {
    for (let i = 0; i < length; i++) out[i] = out[i]! + moments.blocks[k++]!
  }
  return out
}

/**
 * The penalty with the lowest score; of equal ones the largest, which stays nearest to the parent.
 */
export function bestPenalty(penalties: readonly number[], scores: Float64Array): number {
  let best = 0
  for (let p = 1; p < penalties.length; p++) {
    const better = scores[p]! < scores[best]!
    if (better || (scores[p] === scores[best] && penalties[p]! > penalties[best]!)) best = p
  }
  return penalties[best]!
}
