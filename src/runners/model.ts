import type { Digest } from '../base/digest.ts'
import type { ModelTier } from '../fleet/index.ts'

/** One version of a model, as runners know it: its bytes by digest, and what to ask of them. */
export interface RunnerModel {
  readonly digest: Digest
  /** For messages: `churn version 3`. */
  readonly label: string
  readonly sizeBytes: number
  /** Names of the outputs to compute. */
  readonly outputs: readonly string[]
  readonly tier: ModelTier
}

/** How a runner was lost: `stuck` was killed at its deadline, `died` ended by itself. */
export type LostHow = 'stuck' | 'died'

export interface RunnerLimits {
  readonly shards: number
  /** What the models of one runner may take, as measured. */
  readonly budgetBytes: number
  /** What the kernel lets them take, which is more: a run needs memory too. */
  readonly capBytes: number
  /** One call may run for so long; then its runner is ended. */
  readonly runMaxMs: number
  /** One model may take so long to load. */
  readonly loadMaxMs: number
  /** For calls that bring no deadline of their own. */
  readonly waitMaxMs: number
  /** Calls that wait for one runner, and of those, of one model. */
  readonly waitingMax: number
  readonly modelWaitingMax: number
  /** Bytes of their inputs: a few large calls weigh as much as many small ones. */
  readonly waitingBytesMax: number
  /** Models whose bytes are read from disk at a time, over all runners. */
  readonly readsMax: number
  /** A model that was not called for so long is let go; a runner without models ends. */
  readonly idleAfterMs: number
  /** Between two weighings. */
  readonly tickMs: number
  /** How long a failed load is remembered. */
  readonly failureMs: number
}

export const runnerLimits: RunnerLimits = {
  shards: 2,
  budgetBytes: 512 * 1_048_576,
  capBytes: 1_024 * 1_048_576,
  runMaxMs: 5_000,
  loadMaxMs: 20_000,
  waitMaxMs: 30_000,
  waitingMax: 4_096,
  modelWaitingMax: 2_048,
  waitingBytesMax: 256 * 1_048_576,
  readsMax: 4,
  idleAfterMs: 900_000,
  tickMs: 5_000,
  failureMs: 10_000,
}
