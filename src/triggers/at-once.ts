/**
 * How many messages of a trigger are answered at once. Half as many when some are late, a quarter
 * more when as many were in time: what the node can do is found as TCP finds what a line carries
 * (Jacobson, Congestion Avoidance and Control, 1988). A message that is late by itself is then
 * the only one under way, so it is known whose fault that is.
 */
export class AtOnce {
  readonly #most: number
  #now: number

  constructor(most: number) {
    this.#most = most
    this.#now = most
  }

  get now(): number {
    return this.#now
  }

  /** `some` were answered together, and `late` of them were not in time. */
  told(some: number, late: number): void {
    if (late > 0) this.#now = Math.max(1, Math.floor(Math.min(this.#now, some) / 2))
    else if (some >= this.#now) this.#now = Math.min(this.#most, Math.ceil(this.#now * 1.25))
  }
}
