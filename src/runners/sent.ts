import type { MusterError } from '../base/errors.ts'
import type { Call } from './call.ts'
import { PayloadWriter } from './frame.ts'
import type { RunnerLimits, RunnerModel } from './model.ts'

export interface Held {
  readonly model: RunnerModel
  /** Its number in the runner. */
  readonly slot: number
  state: 'absent' | 'queued' | 'loading' | 'resident'
  /** Until it is loaded. */
  waiting: Call[]
  /** Calls that are not settled. */
  calls: number
  usedMs: number
  failure: { readonly error: MusterError; readonly untilMs: number } | undefined
}

export interface Sent {
  readonly held: Held
  /** Undefined: it is being loaded. */
  readonly call: Call | undefined
}

/**
 * What was sent to a runner and not answered, in the order in which it works it off: the first is
 * what runs now, and has its time for that.
 */
export class SentFrames {
  readonly #frames = new Map<number, Sent>()
  readonly #limits: RunnerLimits
  readonly #stuck: () => void
  #watch: NodeJS.Timeout | undefined

  /** `stuck` is called when the first did not end in its time. */
  constructor(limits: RunnerLimits, stuck: () => void) {
    this.#limits = limits
    this.#stuck = stuck
  }

  get size(): number {
    return this.#frames.size
  }

  get(id: number): Sent | undefined {
    return this.#frames.get(id)
  }

  add(id: number, sent: Sent): void {
    this.#frames.set(id, sent)
    if (this.#frames.size === 1) this.#watchFirst()
  }

  /** Of what was answered, which is always the first. */
  delete(id: number): void {
    this.#frames.delete(id)
    this.#watchFirst()
  }

  /** All, in order; none is left, and none is watched. */
  clear(): readonly Sent[] {
    const all = [...this.#frames.values()]
    this.#frames.clear()
    clearTimeout(this.#watch)
    return all
  }

  #watchFirst(): void {
    clearTimeout(this.#watch)
    const first = this.#frames.entries().next().value
    if (first === undefined) return
    const [id, { call }] = first
    this.#watch = setTimeout(
      () => {
        // This process may have been the slow one: answers that have come are read first.
        setImmediate(() => {
          if (this.#frames.keys().next().value === id) this.#stuck()
        })
      },
      call ? this.#limits.runMaxMs : this.#limits.loadMaxMs,
    )
  }
}

export function loadPayload({ model, slot }: Held, bytes: Uint8Array): PayloadWriter {
  const payload = new PayloadWriter().u32(slot).text(model.digest).u32(model.outputs.length)
  for (const output of model.outputs) payload.text(output)
  return payload.raw(bytes)
}
