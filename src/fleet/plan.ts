import type { Digest } from '../base/digest.ts'
import type { ModelName, PlanId } from '../base/ids.ts'

/** Why members are in a group. Closed, so that counts can be compared over time. */
export const planReasons = {
  'no-version': 'no version yet',
  'new-data': 'the source has new data',
  'view-changed': 'the feature view changed',
  'pipeline-changed': 'the pipeline or its parameters changed',
  'label-changed': 'the label or the spans changed',
  'gates-changed': 'the gates or the policy changed',
  'not-declared': 'no longer declared',
  'environment-new': 'the environment has no routes for it',
} as const
export type PlanReason = keyof typeof planReasons

export interface PlanGroup {
  readonly action: 'train' | 'retire'
  readonly blueprint: string
  readonly reason: PlanReason
  /** The reason with its particulars: `two-hours-before@2 replaces @1`. */
  readonly because: string
  /** Members by depth, `counts[0]` is the root. */
  readonly counts: readonly number[]
  readonly members: readonly ModelName[]
  /** From the history of this blueprint, or undefined. */
  readonly expectedSeconds: number | undefined
}

/**
 * The world that a plan was made in. If it has moved when the plan is applied, the plan is refused.
 */
export interface PlanBase {
  readonly parent: PlanId | null
  readonly spec: Digest
  readonly snapshots: Readonly<Record<string, Digest>>
  /** By environment. */
  readonly generations: Readonly<Record<string, number>>
}

/**
 * An immutable description of what the fleet shall be. Its digest is of everything but id and time.
 */
export interface Plan {
  /** `p-81`. */
  readonly id: PlanId
  readonly digest: Digest
  readonly fleet: string
  readonly createdAt: Date
  readonly base: PlanBase
  readonly groups: readonly PlanGroup[]
  readonly totals: {
    readonly declared: number
    readonly serving: number
    readonly train: number
    readonly retire: number
    /** Neither trained nor retired: as they should be. */
    readonly unchanged: number
  }
  /** Things to know that are no refusals: an expected time over the budget. */
  readonly notes: readonly string[]
}
