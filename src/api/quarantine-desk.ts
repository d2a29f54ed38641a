import type { LiftAnswer, LiftAsk, PageAsk, QuarantinedRow } from '../contract/index.ts'

/** Versions that failed again and again, and are not asked until somebody lifts them. */
export interface QuarantineDesk {
  /** In order of model and version; `after.id` is `<model>@<version>`. */
  list(ask: PageAsk): Promise<readonly QuarantinedRow[]>
  /** Says of each whether it was quarantined. Lifted ones are asked again within a moment. */
  lift(ask: LiftAsk): Promise<LiftAnswer>
}
