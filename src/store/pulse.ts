import { setTimeout as sleep } from 'node:timers/promises'

/*
 * A server that stands still (a host that hangs, a network that swallows packets) breaks no
 * connection and carries out no timeout of its own. It is told from one that works long by this:
 * asked on a new connection, it says nothing.
 */

/**
 * Silence is counted in these, not by the clock: a stretch in which this process itself did nothing
 * counts as one.
 */
const beatMs = 500
/** After a second without a word, it is asked. */
const askAfterBeats = 2
/** Five seconds: a busy server makes a connection in less. Callers of HTTP wait so long at most. */
const awayAfterBeats = 10

/** Whether the server of a store says anything while somebody waits for it. */
export class Pulse {
  readonly #ask: () => Promise<unknown>
  readonly #turned: () => void
  readonly #waiting = new Set<(error: Error) => void>()
  #isHeard = false
  #isAway = false
  #isAsking = false
  #isWatching = false
  #isClosed = false

  /**
   * `ask` resolves when the server answers on a connection of its own, and has an end. `turned` is
   * called when the server is found away, and when it is found back.
   */
  constructor(ask: () => Promise<unknown>, turned: () => void) {
    this.#ask = ask
    this.#turned = turned
  }

  /** It is not to be asked until it is back, which is looked for in the background. */
  get isAway(): boolean {
    return this.#isAway
  }

  /** An answer of the server. Rejects with ETIMEDOUT once it is away. */
  async answer<T>(asked: Promise<T>): Promise<T> {
    const answered = await this.until(asked)
    this.#isHeard = true
    return answered
  }

  /** What says nothing of the server, as a connection that was idle. Rejects as `answer` does. */
  async until<T>(wanted: Promise<T>): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>()
    this.#waiting.add(reject)
    if (this.#isAway) reject(silence())
    void this.#watch()
    try {
      return await Promise.race([wanted, lost])
    } finally {
      this.#waiting.delete(reject)
    }
  }

  /** Whoever waits is told, and whoever comes until it is back. */
  lose(): void {
    if (!this.#isAway) this.#turned()
    this.#isAway = true
    for (const reject of this.#waiting) reject(silence())
    void this.#watch()
  }

  close(): void {
    this.#isClosed = true
  }

  async #watch(): Promise<void> {
    if (this.#isWatching) return
    this.#isWatching = true
    for (let silent = 0; (this.#waiting.size > 0 || this.#isAway) && !this.#isClosed; ) {
      await sleep(beatMs, undefined, { ref: false })
      silent = this.#isHeard ? 0 : silent + 1
      this.#isHeard = false
      if (this.#isAway || silent >= askAfterBeats) void this.#find()
      if (silent === awayAfterBeats && this.#waiting.size > 0) this.lose()
    }
    this.#isWatching = false
  }

  async #find(): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      await this.#ask()
      this.#isHeard = true
      if (this.#isAway) this.#turned()
      this.#isAway = false
    } catch {
      // It is asked again by the next beat.
    } finally {
      this.#isAsking = false
    }
  }
}

/** What a call ends with while the server is away. */
export function silence(): Error {
  return Object.assign(new Error('Postgres does not answer'), { code: 'ETIMEDOUT' })
}
