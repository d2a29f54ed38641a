import type { ModelName } from '../base/ids.ts'
import type { Metrics } from './evidence.ts'

/** Quality on the reporting span, which neither fit nor gate has seen. */
export interface ReportOutput {
  readonly span: string
  /** The metric that the summary shows: rmse, or logLoss with auc beside it. */
  readonly metric: 'rmse' | 'logLoss'
  readonly rows: number
  /** What would really answer: leaf, segment or root. */
  readonly fleet: Metrics
  /** The root alone. */
  readonly root: Metrics
  /**
   * Each deeper level answering wherever it was fitted, whatever the gate said: what pruning is
   * worth.
   */
  readonly levels: readonly { readonly depth: number; readonly metrics: Metrics }[]
  /** The naive baseline of the nearest fitted member. */
  readonly baseline: Metrics
  readonly members: readonly { readonly name: ModelName; readonly metrics: Metrics }[]
}
