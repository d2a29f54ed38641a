import type { MusterError } from '../base/errors.ts'
import { noneStarts } from './refusals.ts'
import type { RunnerEnd } from './runner-process.ts'

/**
 * Between the end of a runner and the next: none at first, then doubled up to this. To start one
 * takes a third of a second of a processor, so a model that is bad all the time must not set the
 * pace; and one that held for so long was well.
 */
const pause = { firstMs: 100, mostMs: 1_000, wellAfterMs: 10_000 } as const
/** Runners that ended before they were up, one after the other, until callers are told. */
const failedMax = 3

/** When the next runner is started after one ended, and when that is given up for its callers. */
export class Restarts {
  #pauseMs = 0
  #failed = 0
  #upAtMs: number | undefined

  /** To be called when a runner is up. */
  up(nowMs: number): void {
    this.#failed = 0
    this.#upAtMs = nowMs
  }

  /** Milliseconds to wait. Only what a runner did by itself makes the pauses longer. */
  pauseMs(wasLost: boolean, nowMs: number): number {
    const heldMs = nowMs - (this.#upAtMs ?? nowMs)
    this.#upAtMs = undefined
    if (heldMs >= pause.wellAfterMs) this.#pauseMs = 0
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
