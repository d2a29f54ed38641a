/** Something happened: told to whoever waits, once each. Several tellings before a look are one. */
export class Wake {
  #waiting = new Set<() => void>()

  tell(): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const resolve of waiting) resolve()
  }

  /** Resolves at the next telling, after `mostMs`, or when the signal is aborted; never rejects. */
  next(signal: AbortSignal, mostMs = 10_000): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, mostMs)
      signal.addEventListener('abort', done)
      this.#waiting.add(done)
    })
  }
}
