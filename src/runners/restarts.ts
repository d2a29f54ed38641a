import type { MusterError } from '../base/errors.ts'
import { noneStarts } from './refusals.ts'
import type { RunnerEnd } from './runner-process.ts'

/** Between the end of a runner and the next: none at first, then doubled up to this. */
const pause = { firstMs: 100, mostMs: 1_000 } as const
/** Runners that ended before they were up, one after the other, until callers are told. */
const failedMax = 3

/** When the next runner is started after one ended, and when that is given up for its callers. */
export class Restarts {
  #pauseMs = 0
  #failed = 0

  /** To be called when a runner is up. */
  up(): void {
    this.#failed = 0
  }

  /** To be called when a runner did what it is for. */
  worked(): void {
    this.#pauseMs = 0
  }

  /** Milliseconds to wait. Only what a runner did by itself makes the pauses longer. */
  pauseMs(wasLost: boolean): number {
    if (!wasLost) return 0
    const now = this.#pauseMs
    this.#pauseMs = Math.min(pause.mostMs, Math.max(pause.firstMs, now * 2))
    return now
  }

  /** Of one that was never up: why nobody should wait for the next, when so many were. */
  failed({ signal, exitCode }: RunnerEnd): MusterError | undefined {
    this.#failed += 1
    if (this.#failed < failedMax) return undefined
    return noneStarts(this.#failed, signal ?? `exit ${exitCode}`)
  }
}
