import type { MusterError } from '../base/errors.ts'
import type { Call } from './call.ts'
import { PayloadWriter } from './frame.ts'
import type { RunnerLimits, RunnerModel } from './model.ts'

export interface Held {
  model: RunnerModel
  /** Its number in the runner. */
  readonly slot: number
  state: 'absent' | 'queued' | 'loading' | 'resident'
  /** Until it is loaded. */
  waiting: Call[]
  /** Its bytes, while they are read ahead of its load. */
  reading: Promise<Uint8Array> | undefined
  /** Calls that are not settled. */
  calls: number
  usedMs: number
  failure: { readonly error: MusterError; readonly untilMs: number } | undefined
}

export function heldOf(model: RunnerModel, slot: number, nowMs: number): Held {
  return {
    model,
    slot,
    state: 'absent',
    waiting: [],
    reading: undefined,
    calls: 0,
    usedMs: nowMs,
    failure: undefined,
  }
}

export interface Sent {
  readonly held: Held
  /** Undefined: it is being loaded. */
  readonly call: Call | undefined
}

/**
 * What was sent to a runner and not answered, in the order in which it works it off: the first is
 * what runs now, and has its time for that.
 */
export class SentFrames {
  readonly #frames = new Map<number, Sent>()
  readonly #limits: RunnerLimits
  readonly #stuck: () => void
  readonly #cpuMs: () => number
  readonly #long: (isLong: boolean) => void
  #isLong = false
  #watch: NodeJS.Timeout | undefined

  /**
   * `stuck` is called when the first did not end in its time. `cpuMs`: what the runner has computed
   * so far, for one that is not given the processor has not run for too long. `long`: the first
   * takes long, or it is over.
   */
  constructor(
    limits: RunnerLimits,
    runner: { stuck(): void; cpuMs(): number; long(isLong: boolean): void },
  ) {
    this.#limits = limits
    this.#stuck = runner.stuck
    this.#cpuMs = runner.cpuMs
    this.#long = runner.long
  }

  get size(): number {
    return this.#frames.size
  }

  get(id: number): Sent | undefined {
    return this.#frames.get(id)
  }

  add(id: number, sent: Sent): void {
    this.#frames.set(id, sent)
    if (this.#frames.size === 1) this.#watchFirst()
  }

  /** Of what was answered, which is always the first. */
  delete(id: number): void {
    this.#frames.delete(id)
    this.#watchFirst()
  }

  /** All, in order; none is left, and none is watched. */
  clear(): readonly Sent[] {
    const all = [...this.#frames.values()]
    this.#frames.clear()
    this.#isLong = false
    clearTimeout(this.#watch)
    return all
  }

  #watchFirst(): void {
    clearTimeout(this.#watch)
    if (this.#isLong) this.#long(false)
    this.#isLong = false
    const first = this.#frames.entries().next().value
    if (first === undefined) return
    const [id, { call }] = first
    const halfMs = (call ? this.#limits.runMaxMs : this.#limits.loadMaxMs) / 2
    const firstMs = Math.min(longMs, halfMs)
    this.#lookAfter(id, firstMs, () => {
      this.#isLong = true
      this.#long(true)
      this.#watchOn(id, halfMs - firstMs, { halfMs, cpuMs: Number.POSITIVE_INFINITY, half: 1 })
    })
  }

  /** Looks after each half of the time: `cpuMs` is that of the look before. */
  #watchOn(id: number, afterMs: number, seen: Seen): void {
    this.#lookAfter(id, afterMs, () => {
      const { halfMs, half } = seen
      const cpuMs = this.#cpuMs()
      const untold = cpuMs === Number.POSITIVE_INFINITY && half > 1
      const hasRun = untold || cpuMs - seen.cpuMs >= halfMs * busyShare
      if (hasRun || half >= halvesMax) this.#stuck()
      else this.#watchOn(id, halfMs, { halfMs, cpuMs, half: half + 1 })
    })
  }

  #lookAfter(id: number, afterMs: number, look: () => void): void {
    this.#watch = setTimeout(() => {
      // This process may have been the slow one: answers that have come are read first.
      setImmediate(() => {
        if (this.#frames.keys().next().value === id) look()
      })
    }, afterMs)
  }
}

interface Seen {
  readonly halfMs: number
  readonly cpuMs: number
  readonly half: number
}

/** A call that runs for so long gives way to others: a thousand times what most take. */
const longMs = 50
/** Of the time of a look, that a runner must have computed to be the one that is slow. */
const busyShare = 0.4
/** Four times its time, whatever it computed. */
const halvesMax = 8

export function loadPayload({ model, slot }: Held, bytes: Uint8Array): PayloadWriter {
  const payload = new PayloadWriter().u32(slot).text(model.digest).u32(model.outputs.length)
  for (const output of model.outputs) payload.text(output)
  return payload.raw(bytes)
}
