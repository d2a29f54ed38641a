import type { MusterError } from '../base/errors.ts'
import { type Priority, shareOf } from '../base/priority.ts'
import type { RunnerLimits, RunnerModel } from './model.ts'
import { modelBusy, tooManyWait } from './refusals.ts'

/** Calls that wait for one runner or run in it, against its bounds. What is lower is shed first. */
export class InFlight {
  readonly #limits: RunnerLimits
  #calls = 0
  #bytes = 0

  constructor(limits: RunnerLimits) {
    this.#limits = limits
  }

  get calls(): number {
    return this.#calls
  }

  add(bytes: number): void {
    this.#calls += 1
    this.#bytes += bytes
  }

  delete(bytes: number): void {
    this.#calls -= 1
    this.#bytes -= bytes
  }

  /** Why a call is not let in: E_MODEL_BUSY, E_BUSY. Where nothing waits, one always is. */
  refusal(
    model: RunnerModel,
    { bytes, ofModel, priority }: { bytes: number; ofModel: number; priority: Priority },
  ): MusterError | undefined {
    const { waitingMax, modelWaitingMax, waitingBytesMax } = this.#limits
    if (this.#calls === 0) return undefined
    const share = shareOf[priority]
    if (ofModel >= modelWaitingMax * share) return modelBusy(model, ofModel)
    const isFull =
      this.#calls >= waitingMax * share || this.#bytes + bytes > waitingBytesMax * share
    return isFull ? tooManyWait(this.#calls, this.#bytes) : undefined
  }
}
