export { type Appended, appendRows } from './append.ts'
export type { IntakeAt } from './at.ts'
export { type Compacted, compactSource } from './compact.ts'
export { type Deleted, deleteEntities, type Entity } from './delete.ts'
export { Deliveries } from './deliveries.ts'
export type { IncomingRows } from './incoming.ts'
export { type Judgement, judgeSnapshot } from './judge.ts'
export { flushed, keptSnapshot } from './kept.ts'
export { type JoinedRows, joinRows } from './numbered-rows.ts'
export type { AcceptedRows, PushAt, Pushed, PushedRows } from './push.ts'
export {
  type Quarantine,
  type QuarantinedRow,
  quarantinedRows,
  type ReleaseAsk,
  type Released,
  releaseRows,
} from './quarantine.ts'
export { checkSources, type Held, type TakenSource, takeSources } from './take.ts'
