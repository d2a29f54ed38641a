import type {
  After,
  ApplyAnswer,
  ControlEvent,
  DoctorAnswer,
  FleetSummary,
  ModelRow,
  ModelsAsk,
  ModelView,
  PageAsk,
  PlanAsk,
  PlanMember,
  PlanRow,
  PlanView,
  RunRow,
  RunView,
  ValidateAnswer,
  ValidateAsk,
  WhyChain,
} from '../contract/index.ts'
import type { CatalogueDesk } from './catalogue-desk.ts'
import type { FeastDesk, FeaturesDesk } from './features-desk.ts'
import type { GraphsDesk } from './graphs-desk.ts'
import type { ImportedDesk } from './imported-desk.ts'
import type { OnlineDesk } from './online-desk.ts'
import type { PredictionsDesk } from './predictions-desk.ts'
import type { QuarantineDesk } from './quarantine-desk.ts'
import type { ScoresDesk } from './scores-desk.ts'
import type { SnapshotsDesk } from './snapshots-desk.ts'
import type { SourcesDesk } from './sources-desk.ts'
import type { TriggersDesk } from './triggers-desk.ts'

export type { After }

/**
 * What the control API needs of the world; `main/` gives one backed by store and loop. Lists give
 * at most `limit` items in order, beginning after `after`; the api asks for one more than it shows,
 * and makes the cursors. Refusals are `MusterError`s: E_MODEL_UNKNOWN (with the nearest names as
 * the hint), E_NOT_FOUND, E_PLAN_STALE, E_SPEC with `extra.problems` (as `SpecProblem[]`) for
 * declarations, E_SOURCE ...
 */
export interface ControlDesk {
  summary(): Promise<FleetSummary>

  /** `selectModels` of contract/ states the meaning in memory. Ordered by (sort value, name). */
  models(ask: ModelsAsk): Promise<readonly ModelRow[]>
  model(name: string): Promise<ModelView>
  why(name: string): Promise<WhyChain>
  /** A standalone ONNX file of what serves. E_NOT_SERVING when an ancestor answers. */
  exportModel(name: string): Promise<{ bytes: Uint8Array; version: number; versionDigest: string }>

  /** Newest first; `after.id` is a run id. */
  runs(ask: PageAsk): Promise<readonly RunRow[]>
  run(id: string): Promise<RunView>

  /** Records a plan; changes nothing else. */
  /** Its queries end with the signal: E_CANCELLED. */
  plan(ask: PlanAsk, signal?: AbortSignal): Promise<PlanView>
  /** Newest first; `after.id` is a plan id. */
  plans(ask: PageAsk): Promise<readonly PlanRow[]>
  planById(id: string): Promise<PlanView>
  /** In order of name; `after.id` is a model name. */
  planMembers(id: string, ask: PageAsk): Promise<readonly PlanMember[]>
  /**
   * Adopts by compare-and-set. E_PLAN_STALE when the world moved, or when `digest` is another
   * plan's.
   */
  apply(id: string, digest: string | undefined): Promise<ApplyAnswer>

  readonly catalogue: CatalogueDesk
  readonly imported: ImportedDesk
  readonly online: OnlineDesk
  readonly graphs: GraphsDesk
  readonly sources: SourcesDesk
  readonly snapshots: SnapshotsDesk
  readonly features: FeaturesDesk
  readonly feast: FeastDesk
  readonly predictions: PredictionsDesk
  readonly scores: ScoresDesk
  readonly triggers: TriggersDesk
  readonly quarantine: QuarantineDesk

  /** Its queries end with the signal: E_CANCELLED. */
  validate(ask: ValidateAsk, signal?: AbortSignal): Promise<ValidateAnswer>
  doctor(): Promise<DoctorAnswer>

  /**
   * The current state first (runs that wait or run, their steps, routes), then whatever changes,
   * until the signal is aborted. With a run (which exists): that run and its steps only, whatever
   * its state, and the stream ends after the event that says done or failed.
   */
  events(ask: { run: string | undefined; signal: AbortSignal }): AsyncIterable<ControlEvent>
}
