import type { RunnerModel } from './model.ts'
import type { Held } from './sent.ts'

/**
 * Models that wait to be loaded into one runner, first come, first served: one is loaded at a time,
 * so that calls go between two of them, and the bytes of the next are read meanwhile.
 */
export class Loads {
  /** One is being read or loaded. */
  isLoading = false
  #queue: Held[] = []
  readonly #bytesOf: (model: RunnerModel) => Promise<Uint8Array>

  constructor(bytesOf: (model: RunnerModel) => Promise<Uint8Array>) {
    this.#bytesOf = bytesOf
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  add(held: Held): void {
    held.state = 'queued'
    this.#queue.push(held)
  }

  drop(held: Held): void {
    held.state = 'absent'
    held.reading = undefined
    this.#queue = this.#queue.filter(each => each !== held)
  }

  /** All, in order; none is left. */
  clear(): readonly Held[] {
    this.isLoading = false
    return this.#queue.splice(0)
  }

  /** The next that may be loaded now. */
  next(): Held | undefined {
    if (this.isLoading) {
      this.#readAhead()
      return undefined
    }
    const held = this.#queue.shift()
    if (held === undefined) return undefined
    this.isLoading = true
    held.state = 'loading'
    return held
  }

  read(held: Held): Promise<Uint8Array> {
    const reading = held.reading ?? this.#bytesOf(held.model)
    held.reading = undefined
    return reading
  }

  #readAhead(): void {
    const [next] = this.#queue
    if (next === undefined || next.reading !== undefined) return
    next.reading = this.#bytesOf(next.model)
    // Told when it is its turn.
    next.reading.catch(() => {})
  }
}
