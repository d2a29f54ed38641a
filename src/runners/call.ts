import { MusterError } from '../base/errors.ts'
import type { Tensor } from '../fleet/index.ts'

/** A call that waits for its turn or its answer. */
export class Call {
  readonly inputs: readonly Tensor[]
  readonly deadlineMs: number
  /** Runners that were lost while it was with them. */
  losses = 0
  #settled = false
  readonly #resolve: (outputs: readonly Tensor[]) => void
  readonly #reject: (error: MusterError) => void
  readonly #timer: NodeJS.Timeout
  readonly #onSettled: () => void

  constructor(
    inputs: readonly Tensor[],
    deadlineMs: number,
    nowMs: number,
    settle: {
      readonly resolve: (outputs: readonly Tensor[]) => void
      readonly reject: (error: MusterError) => void
      readonly onSettled: () => void
    },
  ) {
    this.inputs = inputs
    this.deadlineMs = deadlineMs
    this.#resolve = settle.resolve
    this.#reject = settle.reject
    this.#onSettled = settle.onSettled
    const past = () => {
      this.reject(
        new MusterError('E_DEADLINE_PAST', 'the deadline passed before the model answered'),
      )
    }
    this.#timer = setTimeout(past, Math.max(0, deadlineMs - nowMs))
  }

  get settled(): boolean {
    return this.#settled
  }

  resolve(outputs: readonly Tensor[]): void {
    if (this.#end()) this.#resolve(outputs)
  }

  reject(error: MusterError): void {
    if (this.#end()) this.#reject(error)
  }

  #end(): boolean {
    if (this.#settled) return false
    this.#settled = true
    clearTimeout(this.#timer)
    this.#onSettled()
    return true
  }
}
