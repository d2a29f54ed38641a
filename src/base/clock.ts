/** Time as a value. `Date.now()` appears in `main/` and in `systemClock` only. */
export interface Clock {
  now(): Date
  /** Milliseconds that only ever grow; for durations, never for dates. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
}

/** A clock that tests turn by hand. */
export class ManualClock implements Clock {
  #ms: number
  constructor(startMs: number) {
    this.#ms = startMs
  }
  now(): Date {
    return new Date(this.#ms)
  }
  monotonicMs(): number {
    return this.#ms
  }
  advance(ms: number): void {
    this.#ms += ms
  }
}
