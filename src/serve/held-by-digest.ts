import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'

interface Held<T> {
  readonly opened: Promise<T>
  holders: number
}

/**
 * Things opened at most once by digest, however many ask at the same time, and closed when the last
 * holder lets go: graph sessions and packs, which families and generations share. A failed opening
 * is forgotten, so that the next asks anew.
 */
export class HeldByDigest<T> {
  readonly #close: (thing: T) => void
  readonly #held = new Map<Digest, Held<T>>()

  constructor(close: (thing: T) => void) {
    this.#close = close
  }

  get size(): number {
    return this.#held.size
  }

  /** `open` is called where nobody holds it yet. */
  async acquire(digest: Digest, open: (digest: Digest) => Promise<T>): Promise<T> {
    let held = this.#held.get(digest)
    if (!held) {
      held = { opened: open(digest), holders: 0 }
      this.#held.set(digest, held)
    }
    held.holders += 1
    try {
      return await held.opened
    } catch (error) {
      if (this.#held.get(digest) === held) this.#held.delete(digest)
      throw error
    }
  }

  /** Gives back what one `acquire` resolved to. */
  release(digest: Digest): void {
    const held = must(this.#held.get(digest), 'what is released is held')
    held.holders -= 1
    if (held.holders > 0) return
    this.#held.delete(digest)
    // It was acquired, so it has opened.
    void held.opened.then(this.#close)
  }
}
