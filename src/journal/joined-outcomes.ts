import { receiptsOf } from '../base/ids.ts'
import { listOutcomes, type Outcome } from '../store/index.ts'
import { type BriefPrediction, lookUpReceipts } from './look-up.ts'
import { isOf, type JournalPlace, type PredictionsAsk } from './search.ts'

/* Predictions beside what turned out to be true. */

export interface JoinedOutcome {
  readonly outcome: Outcome
  /** Undefined once it is not kept any more. */
  readonly prediction: BriefPrediction | undefined
}

/** Outcomes of answers of a time, newest answer first. */
export async function findOutcomes(
  ask: PredictionsAsk,
  place: JournalPlace,
): Promise<readonly JoinedOutcome[]> {
  const { model, after, limit } = ask
  const from = receiptsOf(ask.sinceMs ?? 0).first
  const to = receiptsOf(ask.untilMs ?? 2 ** 48 - 1).last
  const found: JoinedOutcome[] = []
  let last = after
  // The table knows blueprints only: it is read on until enough are of the model.
  for (;;) {
    const outcomes = await listOutcomes(place.store, {
      blueprint: model?.split('.')[0],
      from,
      to,
      after: last,
      limit: Math.max(limit, pageRows),
    })
    for (const joined of await join(outcomes, place)) {
      if (isOf(joined.prediction?.model ?? '', model)) found.push(joined)
      if (found.length === limit) return found
    }
    last = outcomes.at(-1)
    if (outcomes.length < Math.max(limit, pageRows)) return found
  }
}

const pageRows = 1_000

async function join(
  outcomes: readonly Outcome[],
  place: JournalPlace,
): Promise<readonly JoinedOutcome[]> {
  const receipts = new Set(outcomes.map(({ receipt }) => receipt))
  const { predictions } = await lookUpReceipts(receipts, place)
  const byRow = new Map(predictions.map(each => [`${each.receipt} ${each.row}`, each]))
  return outcomes.map(outcome => ({
    outcome,
    prediction: byRow.get(`${outcome.receipt} ${outcome.row}`),
  }))
}

/** How far the answers for one model were off. */
export interface ModelError {
  readonly model: string
  readonly outcomes: number
  /** Mean of |prediction - outcome|. */
  readonly meanAbsoluteError: number
  /** Mean of prediction - outcome: above 0 where too much was predicted. */
  readonly bias: number
  readonly rootMeanSquaredError: number
}

/** Outcomes that one summary reads at most: a summary is a look, and drift has its own means. */
export const summaryRowsMax = 100_000

/** By the model that was asked, most outcomes first; and how many were read. */
export async function modelErrors(
  ask: Omit<PredictionsAsk, 'limit' | 'after'>,
  place: JournalPlace,
): Promise<{ readonly models: readonly ModelError[]; readonly outcomes: number }> {
  const joined = await findOutcomes({ ...ask, limit: summaryRowsMax }, place)
  const sums = new Map<string, { count: number; error: number; absolute: number; square: number }>()
  let outcomes = 0
  for (const { outcome, prediction } of joined) {
    if (prediction === undefined || prediction.value === null) continue
    outcomes += 1
    const sum = sums.get(prediction.model) ?? { count: 0, error: 0, absolute: 0, square: 0 }
    const error = prediction.value - outcome.value
    sum.count += 1
    sum.error += error
    sum.absolute += Math.abs(error)
    sum.square += error * error
    sums.set(prediction.model, sum)
  }
  const models = [...sums].map(([model, { count, error, absolute, square }]) => ({
    model,
    outcomes: count,
    meanAbsoluteError: absolute / count,
    bias: error / count,
    rootMeanSquaredError: Math.sqrt(square / count),
  }))
  models.sort((a, b) => b.outcomes - a.outcomes || (a.model < b.model ? -1 : 1))
  return { models, outcomes }
}
