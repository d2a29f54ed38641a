/**
 * The loss of a connection, for those who wait for something else beside it. A race with a promise
 * that lasts as long as the connection would leave a reaction there for every call: a gigabyte a
 * week at a thousand messages a second.
 */
export class Loss {
  readonly #waiting = new Set<(error: Error) => void>()
  #error: Error | undefined

  constructor(lost: Promise<Error>) {
    void lost.then(error => {
      this.#error = error
      for (const tell of this.#waiting) tell(error)
    })
  }

  /** What `deed` gives. Rejects with the loss when that comes first, or after `mostMs`. */
  async or<T>(deed: T | Promise<T>, mostMs?: number): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    if (this.#error) reject(this.#error)
    this.#waiting.add(reject)
    const late = () => reject(new Error('it did not confirm in time'))
    const timer = mostMs === undefined ? undefined : setTimeout(late, mostMs)
    try {
      return await Promise.race([deed, promise])
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(reject)
    }
  }
}
