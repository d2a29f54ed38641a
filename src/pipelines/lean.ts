import type { SymmetricSolver } from './cholesky.ts'
import type { MomentShape } from './moments.ts'
import { bestPenalty, type FoldMoments, PenaltyScores } from './penalty.ts'

/*
 * What ridge and logistic share: a member leans on its parent. It minimises
 *
 *   loss(beta) + penalty / c * |beta - parent|^2
 *
 * over all its coefficients, the intercept included, where the loss is the sum over rows of the
 * squared error (c = 1) or of the log loss (c = 2). So without rows it is its parent, and with
 * many it is itself. These are the conventions of scikit-learn: `penalty` is `alpha` of Ridge
 * fitted to y - z'parent on [z, 1] without another intercept, and 1 / C of LogisticRegression. The
 * root leans on zero, and its intercept leans on nothing.
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

export interface PenaltyRequest {
  readonly parameters: LeaningParameters
  /** Leading coefficients that lean. */
  readonly penalised: number
  /** Moments by fold at the ancestor's coefficients. Read at once: the arrays may be used again. */
  readonly moments: () => FoldMoments
}

/**
 * Chooses a penalty for the members of a level: the best on the folds of all that are fitted in the
 * step together (and have the same candidates to choose from).
 *
 * One member's few weeks say little about how far it should go, and what they say is the season
 * they were in; the others answer the same question. Measured on the flights, fitted on January to
 * April, RMSE of all routes in May: 24.92 by each member's own folds of alternating days, 24.82 by
 * its own blocks of days in order, 24.54 by blocks with the routes of its origin, 24.53 by blocks
 * with all routes of the part; their origins have 24.81. Log loss of the logistic family: 0.4001,
 * 0.3994, 0.4002, 0.4002; its origins have 0.4066.
 */
export class PenaltyChoice {
  readonly #scores: PenaltyScores

  constructor(shape: MomentShape, folds: number, solver: SymmetricSolver) {
    this.#scores = new PenaltyScores(shape, folds, solver)
  }

  /** In the order of `requests`. */
  choose(requests: readonly PenaltyRequest[]): readonly ChosenPenalty[] {
    const sums = new Map<string, { members: number; readonly scores: Float64Array }>()
    for (const request of requests) {
      const { penalty, penalties } = request.parameters
      if (penalty !== undefined) continue
      const scores = this.#scores.of(request.moments(), penalties, request.penalised)
      const sum = sums.get(candidatesOf(request))
      if (!sum) sums.set(candidatesOf(request), { members: 1, scores })
      else {
        sum.members++
        for (let p = 0; p < scores.length; p++) sum.scores[p] = sum.scores[p]! + scores[p]!
      }
    }
    return requests.map(request => {
      const { penalty, penalties, folds } = request.parameters
      const sum = sums.get(candidatesOf(request))
      if (penalty !== undefined || !sum) return { penalty: penalty ?? 0, penaltyFrom: 'declared' }
      const others = sum.members > 1 ? `, with ${sum.members - 1} others` : ''
      return {
        penalty: bestPenalty(penalties, sum.scores),
        penaltyFrom: `best of ${penalties.length}, ${folds} folds${others}`,
      }
    })
  }
}

/** Scores add up only over the same candidates. */
function candidatesOf(request: PenaltyRequest): string {
  return request.parameters.penalties.join(' ')
}
