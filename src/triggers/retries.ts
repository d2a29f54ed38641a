import type { Clock } from '../base/clock.ts'
import type { Held } from './held.ts'

/** How often it is looked whether one is due, at least. */
const lookMs = 1_000

/** Messages that failed, to be tried again when their time has come. */
export class Retries {
  readonly #clock: Clock
  readonly #of = new Map<string, { readonly held: Held; readonly dueMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#of.size
  }

  get all(): readonly Held[] {
    return [...this.#of.values()].map(({ held }) => held)
  }

  get(id: string): Held | undefined {
    return this.#of.get(id)?.held
  }

  add(held: Held, waitMs: number): void {
    this.#of.set(held.id, { held, dueMs: this.#clock.monotonicMs() + waitMs })
  }

  remove(some: readonly Held[]): void {
    for (const { id } of some) this.#of.delete(id)
  }

  due(): readonly Held[] {
    const nowMs = this.#clock.monotonicMs()
    return [...this.#of.values()].flatMap(({ held, dueMs }) => (dueMs <= nowMs ? [held] : []))
  }

  /** Until the next is due, at least a millisecond and at most a second. */
  get waitMs(): number {
    const soonestMs = Math.min(...[...this.#of.values()].map(({ dueMs }) => dueMs))
    return Math.max(1, Math.min(lookMs, Math.ceil(soonestMs - this.#clock.monotonicMs())))
  }
}
