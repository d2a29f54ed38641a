/** Wakes the one who waits for messages. What rings while nobody waits is not kept. */
export class Bell {
  #wake: (() => void) | undefined

  ring(): void {
    this.#wake?.()
  }

  /** Resolves when it rings, after `mostMs`, or when `signal` aborts. */
  heard(mostMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(done, mostMs)
      signal.addEventListener('abort', done)
      this.#wake = done
    })
  }
}

/** Resolves after `ms`, or when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Bell().heard(ms, signal)
}
