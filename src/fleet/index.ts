export type { Blobs, Derived, DerivedBytes } from './blobs.ts'
export type { Difference, Evidence, JudgeOutput, Metrics, Rival } from './evidence.ts'
export {
  type FamilySpec,
  levelKey,
  type MemberList,
  type Role,
  roleOf,
} from './family.ts'
export {
  type FeatureRange,
  type FitFailure,
  type FitOutput,
  type FitRow,
  fitFailures,
} from './fit.ts'
export type { FrameManifest, FramePart, LabelManifest } from './frame.ts'
export {
  type ImportedState,
  type ImportedVersion,
  importedStates,
  type ModelTier,
  modelTiers,
} from './imported.ts'
export { putJson, readJson } from './json-blob.ts'
export { type ModelRecord, type ModelState, modelStates, type Recipe } from './model.ts'
export {
  type Plan,
  type PlanBase,
  type PlanGroup,
  type PlanReason,
  planReasons,
} from './plan.ts'
export type {
  PredictedBy,
  PredictedLookup,
  PredictedTensor,
  PredictionEntry,
  PredictionOrigin,
} from './prediction.ts'
export type { ColumnProfile, SnapshotProfile } from './profile.ts'
export type { ReportOutput } from './report.ts'
export type { FamilyRoutes, Route } from './route.ts'
export type { LevelCount, Run, RunState, StepState, StepStatus } from './run.ts'
export type { Gate, RunWork, SealInput, WorkInput } from './run-work.ts'
export type {
  ScoreCounts,
  ScoredPart,
  ScoreFile,
  ScoreInput,
  ScoreRoutes,
  ScoreSpan,
  ScoreTable,
  ScoreTarget,
  ScoreWork,
  Unscored,
} from './score.ts'
export type { Signature } from './signature.ts'
export { rowNumbersOf, type Snapshot, type SnapshotFile } from './snapshot.ts'
export type { Finding, SourceChange, SourceCommit } from './source-commit.ts'
export type {
  Answerers,
  Champions,
  SourceData,
  StepInput,
  StepKind,
  StepProgress,
} from './step.ts'
export {
  type Datatype,
  datatypeBytes,
  type Tensor,
  type TensorData,
  type TensorShape,
  type TensorSignature,
} from './tensor.ts'
export { binaryValues, readBinaryValues } from './tensor-bytes.ts'
export type { Decision, RuleOutcome, Verdict } from './verdict.ts'
export type { Lineage, Version } from './version.ts'
