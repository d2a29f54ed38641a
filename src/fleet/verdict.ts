import type { ModelName } from '../base/ids.ts'

/**
 * kept: the version serves. pruned: its ancestor answers better or as well, so it does; a champion
 * retires. refused: another rule fails; a champion stays, else the ancestor answers. failed: there
 * is no version.
 */
export type Decision = 'kept' | 'pruned' | 'refused' | 'failed'

export interface RuleOutcome {
  /** `worth-keeping`. */
  readonly gate: string
  /** `low@1`, `blueprint` or `objective`. */
  readonly from: string
  readonly expression: string
  readonly holds: boolean
  /**
   * What the rule saw, in words with numbers: `expected gain 0.016`, or `metric auc is missing`.
   */
  readonly saw: string
}

export interface Verdict {
  readonly name: ModelName
  readonly decision: Decision
  /**
   * `kept`, `not-worth-keeping`, `worse-than-baseline`, a fit failure, or `gate-<name>`: for
   * counting.
   */
  readonly reason: string
  /** One sentence with numbers, for people. */
  readonly because: string
  readonly rules: readonly RuleOutcome[]
  /** The ancestor that was the alternative, when there is one: nearest that was kept. */
  readonly against?: ModelName
  /** Mean paired difference to `against`, shrunk towards the siblings': negative is a gain. */
  readonly expected?: number
}
