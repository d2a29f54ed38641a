export {
  type CatalogueAsk,
  type CatalogueEntry,
  type CatalogueKind,
  type CataloguePage,
  catalogueKinds,
  cataloguePage,
  catalogueQuery,
  diffQuery,
  type ImpactAnswer,
  type ImpactAsk,
  impactAnswer,
  impactQuery,
  type PublishedViewAnswer,
  publishedView,
  type ViewDiff,
  viewDiff,
} from './catalogue.ts'
export {
  type Check,
  check,
  type DoctorAnswer,
  doctorAnswer,
  freeBytesMin,
  type SpecProblem,
  type ValidateAnswer,
  type ValidateAsk,
  validateAnswer,
  validateAsk,
} from './checks.ts'
export { type ClientOptions, ControlClient, type ExportedFile } from './client.ts'
export { type Filter, type Filtered, filterTerms, matches, readFilter } from './filter.ts'
export {
  type After,
  limitDefault,
  limitMax,
  type ModelsAsk,
  modelsQuery,
  type PageAsk,
  pageQuery,
  readCursor,
  type SortWord,
  selectModels,
  sortValue,
  sortWords,
  writeCursor,
} from './lists.ts'
export {
  type EffectiveValue,
  type ModelRow,
  type ModelView,
  modelRow,
  modelView,
  type VersionRow,
  type WhyChain,
  whyChain,
} from './models.ts'
export {
  type ApplyAnswer,
  applyAnswer,
  applyAsk,
  type PlanAsk,
  type PlanGroupRow,
  type PlanMember,
  type PlanRow,
  type PlanView,
  planAsk,
  planMember,
  planRow,
  planView,
} from './plans.ts'
export { errorOfProblem, type Problem, problem, problemOf } from './problem.ts'
export {
  type ControlEvent,
  controlEvent,
  type RunRow,
  type RunView,
  runRow,
  runView,
  type StepRow,
} from './runs.ts'
export { readEvents, type SentEvent } from './sse.ts'
export {
  type BlueprintSummary,
  type FleetSummary,
  fleetSummary,
  type LevelStates,
} from './summary.ts'
export { type Page, pageOf } from './words.ts'
