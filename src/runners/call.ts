import { MusterError } from '../base/errors.ts'
import type { Priority } from '../base/priority.ts'
import type { Tensor } from '../fleet/index.ts'

export interface CallTimes {
  readonly deadlineMs: number
  readonly nowMs: number
  readonly priority: Priority
  /** Where it is noted when it was handed to the runner, by who wants to know. */
  readonly turn?: Turn | undefined
}

export interface Turn {
  /** On the clock of the pool; undefined: not yet. Of one that was handed over again, the last. */
  atMs?: number
}

/** A call that waits for its turn or its answer. */
export class Call {
  readonly priority: Priority
  readonly #deadlineMs: number
  readonly #turn: Turn | undefined
  #inputs: readonly Tensor[]
  /** Runners that were lost while it was with them. */
  losses = 0
  #settled = false
  readonly #resolve: (outputs: readonly Tensor[]) => void
  readonly #reject: (error: MusterError) => void
  readonly #timer: NodeJS.Timeout
  readonly #onSettled: () => void

  constructor(
    inputs: readonly Tensor[],
    { deadlineMs, priority, nowMs, turn }: CallTimes,
    settle: {
      readonly resolve: (outputs: readonly Tensor[]) => void
      readonly reject: (error: MusterError) => void
      readonly onSettled: () => void
    },
  ) {
    this.#inputs = inputs
    this.priority = priority
    this.#deadlineMs = deadlineMs
    this.#turn = turn
    this.#resolve = settle.resolve
    this.#reject = settle.reject
    this.#onSettled = settle.onSettled
    const past = () => this.reject(deadlinePast())
    this.#timer = setTimeout(past, Math.max(0, deadlineMs - nowMs))
  }

  /** None once it is settled: what nobody waits for holds no memory in its queue. */
  get inputs(): readonly Tensor[] {
    return this.#inputs
  }

  /** To be asked at its turn: a timer may be late where this process is the slow one. */
  rejectPast(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.reject(deadlinePast())
    else if (this.#turn) this.#turn.atMs = nowMs
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
    this.#inputs = []
    clearTimeout(this.#timer)
    this.#onSettled()
    return true
  }
}

function deadlinePast(): MusterError {
  return new MusterError('E_DEADLINE_PAST', 'the deadline passed before the model answered')
}
