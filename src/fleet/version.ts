import type { Digest } from '../base/digest.ts'
import type { ModelName, PlanId, RunId } from '../base/ids.ts'
import type { Evidence } from './evidence.ts'
import type { FitRow } from './fit.ts'
import type { Verdict } from './verdict.ts'

/** Everything a version was made from, so that it can be made again. */
export interface Lineage {
  readonly blueprint: Digest
  readonly pipeline: string
  readonly parameters: Digest
  readonly view: string
  readonly viewDigest: Digest
  readonly snapshots: Readonly<Record<string, Digest>>
  /** Digest of the source code that made it, beside the package version: `0.1.0+a1b2c3d4`. */
  readonly code: string
}

/**
 * A version of a model: one row of parameters in a pack, for a graph. Never changes once recorded.
 */
export interface Version {
  /**
   * Of the graph, the parameter row and the name: equal bytes have equal digests, whenever they
   * were made.
   */
  readonly digest: Digest
  readonly model: ModelName
  /** 1, 2, 3 ... within the model. */
  readonly number: number
  readonly run: RunId
  readonly plan: PlanId
  readonly graph: Digest
  readonly pack: Digest
  readonly row: number
  readonly lineage: Lineage
  readonly fit: FitRow
  readonly evidence: Evidence
  readonly verdict: Verdict
  readonly createdAt: Date
}
