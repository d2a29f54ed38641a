/*
 * How often a model ended its runner. Counted for the one that ran, by the answers that were still
 * to come; at the third in ten minutes it is not run any more, since each end costs its
 * shard-mates a restart. Pure: the times come in.
 */

export const crashLimits = { crashes: 3, withinMs: 600_000, modelsMax: 10_000 } as const

export class Crashes {
  /** Times of the last crashes of each model, oldest first. */
  readonly #times = new Map<string, readonly number[]>()

  /** Gives whether the model is to be quarantined. */
  count(key: string, nowMs: number): boolean {
    const recent = (this.#times.get(key) ?? []).filter(
      timeMs => nowMs - timeMs < crashLimits.withinMs,
    )
    const times = [...recent, nowMs].slice(-crashLimits.crashes)
    this.#times.delete(key)
    this.#times.set(key, times)
    if (this.#times.size > crashLimits.modelsMax) {
      this.#times.delete(this.#times.keys().next().value!)
    }
    return times.length >= crashLimits.crashes
  }

  forget(key: string): void {
    this.#times.delete(key)
  }
}
