export { type ArrivedKind, ArrivedRows } from './arrived-rows.ts'
export { type ArrowColumn, arrowColumnOf, arrowStream, keyColumnOf } from './arrow-stream.ts'
export { checkFeatures } from './check.ts'
export type { FeatureProblem } from './check-problems.ts'
export { type ColumnIndex, columnsNamed, type NamedColumns } from './columns-named.ts'
export {
  type CurrentRow,
  type EntityKind,
  entityKinds,
  openCurrent,
  type Reach,
} from './current.ts'
export { isToldByText } from './entities.ts'
export { buildFrame, type FrameInput, type StepPlace } from './frame.ts'
export { eventTimeColumn, type FrameJob, frameStream } from './frame-stream.ts'
export { buildLabels, type LabelInput } from './labels.ts'
export {
  type FeatureAsk,
  type LookedUp,
  lookupAsOf,
} from './lookup.ts'
export { countMembers } from './members.ts'
export {
  type OnDemand,
  openOnDemand,
  type RowAsk,
  type RowExpressions,
  type RowResult,
} from './on-demand.ts'
export {
  type FrameRows,
  readLabelManifest,
  readLabelPart,
  readManifest,
  readPart,
  writeColumns,
} from './parts.ts'
export { type RowValue, type RowValueKind, readRowValue, rowValueKind } from './row-values.ts'
export { rowColumnsOf, type VectorFeature, type ViewAsk } from './vector-plan.ts'
export {
  type LookupAnswer,
  type LookupAsk,
  type OnlineLookup,
  openVectors,
  type Selection,
  type Vector,
  type VectorPlace,
  type VectorStatus,
  type Vectors,
} from './vectors.ts'
export {
  type NumberedRows,
  type OpenSource,
  type OpenSources,
  openSources,
  openViewRows,
} from './view-rows.ts'
export { plainStat } from './window-stats.ts'
