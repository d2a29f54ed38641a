export { checkFeatures, type FeatureProblem } from './check.ts'
export { buildFrame, type FrameInput, type StepPlace } from './frame.ts'
export { buildLabels, type LabelInput } from './labels.ts'
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
export { type RowValue, type RowValueKind, rowValueKind } from './row-values.ts'
