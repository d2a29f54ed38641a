import type { Notice } from '../store/index.ts'

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

/**
 * Who waits for which notices. Steps move many times a second while runs train, and most of what a
 * server does follows from plans, runs and routes alone.
 */
export class Wakes {
  /** People who watch: everything, also how far steps are. */
  readonly watchers = new Wake()
  /** What carries steps on. */
  readonly steps = new Wake()
  /** Everyone else. */
  readonly others = new Wake()

  hear(notice?: Notice): void {
    this.watchers.tell()
    if (notice?.kind === 'progress') return
    this.steps.tell()
    if (notice?.kind !== 'step') this.others.tell()
  }
}
