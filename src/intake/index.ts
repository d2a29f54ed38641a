export { type Appended, appendRows } from './append.ts'
export type { IntakeAt } from './at.ts'
export { type Compacted, compactSource } from './compact.ts'
export { type Deleted, deleteEntities, type Entity } from './delete.ts'
export type { IncomingRows } from './incoming.ts'
export { type Judgement, judgeSnapshot } from './judge.ts'
export { keptSnapshot } from './kept.ts'
export {
  type AcceptedRows,
  type PushAt,
  type Pushed,
  pushBytesMax,
  pushRows,
  pushRowsMax,
} from './push.ts'
export { PushWriters } from './push-writers.ts'
export {
  type Quarantine,
  type QuarantinedRow,
  quarantinedRows,
  type ReleaseAsk,
  type Released,
  releaseRows,
} from './quarantine.ts'
export { checkSources, type Held, type TakenSource, takeSources } from './take.ts'
