export { type ConvertAt, convertSegment } from './convert.ts'
export { type Journal, type JournalOptions, type JournalStatus, openJournal } from './journal.ts'
export {
  type DeletedPredictions,
  deleteOldPredictions,
  type KeepPredictions,
  keepPredictions,
} from './keep.ts'
export { type JournalLimits, journalLimits } from './limits.ts'
export type { PredictionInput, PredictionRow } from './prediction-row.ts'
export {
  type FoundPredictions,
  findPredictions,
  findReceipt,
  type JournalPlace,
  type PredictionsAsk,
  type UnreadableFile,
} from './search.ts'
export type { KeptTensor, KeptTensors } from './tensors.ts'
