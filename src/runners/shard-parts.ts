import type { Clock } from '../base/clock.ts'
import type { MusterError } from '../base/errors.ts'
import type { LostHow, RunnerLimits, RunnerModel } from './model.ts'
import type { RunnerEnd, RunnerEvents, RunnerProcess, RunnerReady } from './runner-process.ts'

export interface ShardParts {
  readonly clock: Clock
  readonly limits: RunnerLimits
  /** The verified bytes of a model; waits its turn among all shards. */
  bytesOf(model: RunnerModel): Promise<Uint8Array>
  start(events: RunnerEvents): RunnerProcess
  /** A model ended its runner, or was stuck in it. Gives why it is not to be run any more. */
  lost(model: RunnerModel, how: LostHow, end: RunnerEnd): MusterError | undefined
  ready(ready: RunnerReady): void
  /** A runner ended before it was up. */
  failedStart(end: RunnerEnd): void
}

export interface ShardStatus {
  readonly pid: number | undefined
  readonly resident: number
  readonly residentBytes: number
  readonly waiting: number
  readonly loads: number
  readonly evictions: number
  readonly starts: number
}
