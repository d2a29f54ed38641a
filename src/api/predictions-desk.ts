import type {
  EraseAnswer,
  EraseAsk,
  ErrorsView,
  OutcomeRow,
  OutcomesAnswer,
  OutcomesAsk,
  PageAsk,
  PredictionDetail,
  PredictionsPage,
  ReplayView,
} from '../contract/index.ts'

/** Which answers are meant: of a model and all below it, in a time. */
export interface AnswersAsk {
  readonly model: string | undefined
  readonly since: string | undefined
  readonly until: string | undefined
}

/** What was answered. E_NOT_FOUND for a receipt that the journal does not have. */
export interface PredictionsDesk {
  /** Newest first; `after` has a row as its value and a receipt as its id. */
  list(ask: AnswersAsk & PageAsk): Promise<Omit<PredictionsPage, 'nextCursor'>>
  prediction(receipt: string): Promise<PredictionDetail>
  replay(receipt: string): Promise<ReplayView>
  takeOutcomes(ask: OutcomesAsk): Promise<OutcomesAnswer>
  /** In the order of `list`. */
  outcomes(ask: AnswersAsk & PageAsk): Promise<readonly OutcomeRow[]>
  errors(ask: AnswersAsk): Promise<ErrorsView>
  /** For good, with what was said of them; per receipt. */
  erase(ask: EraseAsk): Promise<EraseAnswer>
}
