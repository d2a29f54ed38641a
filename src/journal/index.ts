export { type ConvertAt, convertSegment } from './convert.ts'
export {
  type EraseAsk,
  type ErasedPredictions,
  eraseEntities,
  eraseReceipts,
  type HeldAs,
} from './erase.ts'
export {
  findOutcomes,
  type JoinedOutcome,
  type ModelError,
  modelErrors,
  summaryRowsMax,
} from './joined-outcomes.ts'
export { type Journal, type JournalOptions, type JournalStatus, openJournal } from './journal.ts'
export {
  type DeletedPredictions,
  deleteOldPredictions,
  type KeepPredictions,
  keepPredictions,
} from './keep.ts'
export { type JournalLimits, journalLimits } from './limits.ts'
export type { BriefPrediction } from './look-up.ts'
export { journalMetrics } from './metrics.ts'
export {
  type OutcomeAsk,
  type OutcomePlace,
  type OutcomeResult,
  type OutcomeState,
  takeOutcomes,
} from './outcomes.ts'
export type { PredictionInput, PredictionRow } from './prediction-row.ts'
export {
  type FoundPredictions,
  findPredictions,
  findReceipt,
  type JournalPlace,
  type PredictionsAsk,
  type UnreadableFile,
} from './search.ts'
export { type KeptTensor, type KeptTensors, tensorsJson } from './tensors.ts'
