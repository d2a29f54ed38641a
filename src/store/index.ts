export {
  type Adoption,
  adoptPlan,
  type CreatedRun,
  type DeclaredFamily,
} from './adopt.ts'
export { checkDatabaseUrl } from './database-refusal.ts'
export { isDatabaseTrouble } from './database-trouble.ts'
export {
  buryMessages,
  type DeadLetter,
  type FullLetter,
  forgetLetters,
  type LetterState,
  type LettersAsk,
  listLetters,
  type NewLetter,
  putLetter,
  readLetter,
  reburyLetter,
  settleLetter,
} from './dead-letters.ts'
export { type EmbeddedOptions, type EmbeddedPostgres, startEmbedded } from './embedded.ts'
export {
  announceJournalFile,
  type ErasedRow,
  erasedOf,
  forgetErased,
  type LeftFile,
  replaceJournalFile,
} from './erased-predictions.ts'
export { type Erasure, eraseSnapshots, standingSnapshots } from './erased-snapshots.ts'
export {
  type ChangedVersion,
  hasImported,
  importedAfter,
  listImported,
  quarantineImported,
  recordImport,
  setImported,
} from './imported-models.ts'
export {
  type ConvertedFile,
  type ConvertedSegment,
  condemnedJournalFiles,
  condemnJournalFiles,
  convertedSegments,
  forgetJournalFiles,
  type JournalFile,
  type JournalTotals,
  journalFiles,
  journalFilesOf,
  journalFilesOfReceipt,
  journalTotals,
  recordSegment,
} from './journal-files.ts'
export {
  addLooseFiles,
  claimFiles,
  condemnedFiles,
  condemnFiles,
  forgetFiles,
} from './loose-files.ts'
export { migrate, sqlFolder } from './migrate.ts'
export {
  countChildren,
  countModels,
  families,
  listModels,
  type ModelCount,
  type ModelFilter,
  type ModelPage,
  type ModelSort,
  modelsOf,
  readModel,
  readModels,
  readRecipes,
} from './models.ts'
export { nearestModels } from './nearest-models.ts'
export { type Listener, listen, type Notice } from './notices.ts'
export {
  acceptedAfter,
  advanceGeneration,
  beginGeneration,
  currentGenerations,
  type FeatureCheck,
  forgetGeneration,
  leaveGenerations,
  leftGenerations,
  listChecks,
  type OnlineGeneration,
  recordChecks,
  switchGeneration,
} from './online.ts'
export {
  claimOutbox,
  type OutboxEntry,
  type OutboxRow,
  outboxRows,
  type Postponed,
  postponeOutbox,
  putOutbox,
  removeOutbox,
} from './outbox.ts'
export {
  forgetOutcomes,
  listOutcomes,
  lockOutcomes,
  type Outcome,
  putOutcomes,
  readOutcomes,
} from './outcomes.ts'
export {
  listPlanMembers,
  listPlans,
  type PlanHead,
  type PlannedMember,
  type PlanState,
  readPlan,
  readPlanHead,
  readPlanWorks,
  recordPlan,
  type StoredPlan,
  targetPlan,
} from './plans.ts'
export {
  newestPublished,
  type PublishedView,
  publishedViews,
  publishViews,
} from './published-views.ts'
export {
  type Backlog,
  backlogOf,
  batchByKey,
  type Delivery,
  forgetBatches,
  type KeptDelivery,
  keepDeliveries,
  type PushedBatch,
  putBatch,
  putCursor,
  type ReservedRows,
  readCursor,
  reserveRows,
  settleBatches,
  type WaitingBatch,
  waitingBatches,
} from './pushed-batches.ts'
export {
  liftQuarantine,
  type QuarantinedVersion,
  quarantinedPage,
  quarantinedVersions,
  recordQuarantine,
} from './quarantined-versions.ts'
export {
  type DeadStep,
  openQueue,
  type Queue,
  type QueuedStep,
  type QueueOptions,
} from './queue.ts'
export { addReleasedRows, type ReleasedRows, readReleasedRows } from './released-rows.ts'
export { ensureResultTable, putResults, type ResultRow } from './result-tables.ts'
export {
  countRoutes,
  type EnvironmentRecord,
  environments,
  type FamilyGeneration,
  familyGenerations,
  familyRoutes,
  generations,
  type ModelRoute,
  routedModels,
  routesOf,
} from './routes.ts'
export {
  failRun,
  finishRun,
  latestSealedRun,
  listRuns,
  type RunRecord,
  readReport,
  readRun,
  readRunWork,
  reopenRun,
  runHistory,
  servingRun,
  unfinishedRuns,
} from './runs.ts'
export {
  cancelScore,
  deliverAgain,
  endScore,
  ensureScoreSteps,
  listScores,
  type NewScore,
  readScore,
  readScoreByKey,
  recordScore,
  type ScoreRecord,
  type ScoreState,
  type ScoreStep,
  scoreStates,
  stepsOfScore,
  unfinishedScores,
} from './scores.ts'
export { type RunSeal, type SealedMember, type Sealing, sealRun } from './seal.ts'
export { latestSnapshot, putSnapshot, readSnapshot, snapshotsLike } from './snapshots.ts'
export { useAlone } from './sole-use.ts'
export {
  acceptedAsOf,
  lastAcceptedCommit,
  lastCommit,
  listCommits,
  lockSource,
  newestCommitOf,
  readCommit,
  recordCommit,
  snapshotLeft,
} from './source-commits.ts'
export { type SourceFreshness, sourceFreshness } from './source-freshness.ts'
export {
  currentSpec,
  currentSpecDigest,
  newestSpec,
  readSpec,
  recordSpec,
  type SpecRevision,
} from './specs.ts'
export type { Sql, Transactions } from './sql.ts'
export { type Ownership, ownerOf, ownStateFolder } from './state-folder.ts'
export {
  type AskedStep,
  ensureSteps,
  failStep,
  finishStep,
  progressStep,
  readSteps,
  reopenStep,
  runStatus,
  runsOfStep,
  type StepFailure,
  type StepFinish,
  type StepRecord,
  type StepStart,
  setBackStep,
  startStep,
  stepAttemptsMax,
  stepsOf,
} from './steps.ts'
export { openStore, type Store, type StoreOptions } from './store.ts'
export {
  type BegunMessage,
  beginMessages,
  countAttempts,
  finishMessages,
  forgetMessages,
  type MessageState,
  reviveMessage,
  uncountAttempts,
} from './trigger-messages.ts'
export {
  type Judgement,
  readJudgements,
  readVersion,
  readVersions,
  routeDigests,
  runsOfRoutes,
  versionDigests,
} from './versions.ts'
