/*
 * Which of many things to let go when memory is short: SIEVE (Zhang et al., "SIEVE is simpler than
 * LRU", NSDI 2024). One queue in the order of arrival, one bit a thing, and a hand that goes from
 * the oldest to the newest: a thing that was used since the hand last passed is spared once, the
 * first that was not is let go. What arrives and is never used again is let go before what others
 * use, so a scan over all models leaves the used ones where they are, which LRU does not; and a use
 * sets a bit, so that it costs no reordering on the path that every call takes.
 *
 * It decides and does nothing: the caller loads, weighs, asks `evict` while it is over its budget,
 * and closes what it is given. What must never go is not added here.
 */

interface Entry<K> {
  readonly key: K
  weight: number
  used: boolean
  /** Arrived after this one; undefined for the newest. */
  newer: Entry<K> | undefined
  older: Entry<K> | undefined
}

export class Sieve<K> {
  readonly #entries = new Map<K, Entry<K>>()
  #newest: Entry<K> | undefined
  #oldest: Entry<K> | undefined
  /** Where the hand goes on; undefined: at the oldest. */
  #hand: Entry<K> | undefined
  #weight = 0

  get size(): number {
    return this.#entries.size
  }

  /** The sum of the weights, in the caller's unit. */
  get weight(): number {
    return this.#weight
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  /** Undefined for what is not here. */
  weightOf(key: K): number | undefined {
    return this.#entries.get(key)?.weight
  }

  /** From the oldest to the newest. */
  keys(): readonly K[] {
    return [...this.#entries.keys()]
  }

  /** To be called at each use. Gives whether it is here. */
  touch(key: K): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    entry.used = true
    return true
  }

  /** What is here already keeps its place and its bit, and weighs anew. */
  add(key: K, weight: number): void {
    const here = this.#entries.get(key)
    if (here !== undefined) {
      this.#weight += weight - here.weight
      here.weight = weight
      return
    }
    const older = this.#newest
    const entry: Entry<K> = { key, weight, used: false, newer: undefined, older }
    if (older) older.newer = entry
    else this.#oldest = entry
    this.#newest = entry
    this.#entries.set(key, entry)
    this.#weight += weight
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    if (this.#hand === entry) this.#hand = entry.newer
    if (entry.newer) entry.newer.older = entry.older
    else this.#newest = entry.older
    if (entry.older) entry.older.newer = entry.newer
    else this.#oldest = entry.newer
    this.#entries.delete(key)
    this.#weight -= entry.weight
    return true
  }

  /**
   * Takes out the one that is to go, and gives its key. Never one for which `spared` holds, such as
   * one that is running; undefined when no other is left.
   */
  evict(spared?: (key: K) => boolean): K | undefined {
    // Twice around at most: the first round may find each one used, and clears its bit.
    for (let steps = this.#entries.size * 2; steps > 0; steps--) {
      const entry = this.#hand ?? this.#oldest!
      this.#hand = entry.newer
      if (spared?.(entry.key)) continue
      if (entry.used) {
        entry.used = false
        continue
      }
      this.delete(entry.key)
      return entry.key
    }
    return undefined
  }
}
