import { Sieve } from '../base/sieve.ts'

/*
 * Which models a runner holds, against a budget of bytes. What a model takes is measured and not
 * declared: by how the process grew when it was loaded, where that is more than noise, else by what
 * small models were seen to take; and all weights together are corrected by what the process really
 * has, again and again. Decides only: the shard loads and unloads.
 */

/** ONNX Runtime 1.30, no arena: 72.5 kB for a model of 185 bytes, 1.2 times of the file above. */
const sessionBytes = 73_728
const fileFactor = 1.5
/** Growth below this is the noise of a heap. */
const growthMinBytes = 4 * 1_048_576
/** The sum of weights from which the whole process says something about them. */
const weighedMinBytes = 16 * 1_048_576
/** How far a weighing may move the correction: one odd moment must not empty a runner. */
const correction = { least: 0.5, most: 4, step: 0.3 } as const

export class Residency {
  readonly budgetBytes: number
  /** Weights before correction. What is pinned is not in it: it is never let go. */
  readonly #held = new Sieve<string>()
  readonly #pinned = new Map<string, number>()
  #pinnedBytes = 0
  #factor = 1

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes
  }

  get count(): number {
    return this.#held.size + this.#pinned.size
  }

  /** What all that is held is believed to take. */
  get bytes(): number {
    return (this.#held.weight + this.#pinnedBytes) * this.#factor
  }

  get pinnedBytes(): number {
    return this.#pinnedBytes * this.#factor
  }

  /** Whether `bytes` could be had, were all but the pinned let go. */
  fitsBesidePinned(bytes: number): boolean {
    return this.pinnedBytes + bytes <= this.budgetBytes
  }

  /** What a model of a file of `fileBytes` will take. */
  predict(fileBytes: number): number {
    return (sessionBytes + fileBytes * fileFactor) * this.#factor
  }

  /** What to unload so that `bytes` more fit; as much of it as may go, when not all can. */
  makeRoom(bytes: number, spared: (key: string) => boolean): readonly string[] {
    const evicted: string[] = []
    while (this.bytes + bytes > this.budgetBytes) {
      const key = this.#held.evict(spared)
      if (key === undefined) break
      evicted.push(key)
    }
    return evicted
  }

  /** Takes a model in that was loaded, by which the process grew. Gives what it weighs. */
  add(key: string, fileBytes: number, growthBytes: number, pinned: boolean): number {
    const expected = this.predict(fileBytes)
    const bytes = growthBytes >= growthMinBytes ? growthBytes : expected
    const weight = bytes / this.#factor
    if (pinned) {
      this.#pinnedBytes += weight - (this.#pinned.get(key) ?? 0)
      this.#pinned.set(key, weight)
    } else this.#held.add(key, weight)
    return bytes
  }

  touch(key: string): void {
    this.#held.touch(key)
  }

  delete(key: string): void {
    this.#held.delete(key)
    this.#pinnedBytes -= this.#pinned.get(key) ?? 0
    this.#pinned.delete(key)
  }

  /** Corrects by what the process has beyond what it had when it was empty. */
  weighed(grownBytes: number): void {
    const believed = this.#held.weight + this.#pinnedBytes
    if (believed < weighedMinBytes) return
    const seen = Math.min(correction.most, Math.max(correction.least, grownBytes / believed))
    this.#factor += (seen - this.#factor) * correction.step
  }

  clear(): void {
    for (const key of this.#held.keys()) this.#held.delete(key)
    this.#pinned.clear()
    this.#pinnedBytes = 0
  }
}
