import type { SymmetricSolver } from './cholesky.ts'
import type { MomentShape } from './moments.ts'
import { bestPenalty, type FoldMoments, PenaltyScores } from './penalty.ts'

/*
 * What ridge and logistic share: a member leans on its parent. It minimises
 *
 *   loss(beta) + penalty / c * |beta - parent|^2
 *
 * over all its coefficients, the intercept included, where the loss is the sum over rows of the squared error
 * (c = 1) or of the log loss (c = 2). So without rows it is its parent, and with many it is itself. These are the
 * conventions of scikit-learn: `penalty` is `alpha` of Ridge fitted to y - z'parent on [z, 1] without another
 * intercept, and 1 / C of LogisticRegression. The root leans on zero, and its intercept leans on nothing.
 */

/** The parameters that choose a penalty. */
export interface LeaningParameters {
  readonly penalty?: number | undefined
  readonly penalties: readonly number[]
  readonly folds: number
}

export interface ChosenPenalty {
  readonly penalty: number
  readonly penaltyFrom: string
}

export class PenaltyChoice {
  readonly #scores: PenaltyScores

  constructor(shape: MomentShape, folds: number, solver: SymmetricSolver) {
    this.#scores = new PenaltyScores(shape, folds, solver)
  }

  /** `moments` at the parent's coefficients; `penalised`: leading coefficients that lean. */
  choose(parameters: LeaningParameters, moments: FoldMoments, penalised: number): ChosenPenalty {
    if (parameters.penalty !== undefined) {
      return { penalty: parameters.penalty, penaltyFrom: 'declared' }
    }
    const { penalties, folds } = parameters
    const scores = this.#scores.of(moments, penalties, penalised)
    return {
      penalty: bestPenalty(penalties, scores),
      penaltyFrom: `best of ${penalties.length}, ${folds} folds`,
    }
  }
}
