/*
 * When to stop asking a version that fails: a circuit breaker for each (model, version), as in
 * Nygard's Release It! and Envoy's outlier detection. Only versions that have failed have state, so
 * a fleet without failures pays nothing. Time is handed in.
 */

export interface BreakerLimits {
  /** Failures one after the other that open it. */
  readonly consecutiveMax: number
  /** Or more than this share of the calls of the window, from `windowCallsMin` calls on. */
  readonly failedShareMax: number
  readonly windowCallsMin: number
  readonly windowMs: number
  /** Open for so long before one call is let through as a probe; doubled each time it fails. */
  readonly openMs: number
  readonly openMaxMs: number
  /** Openings without a recovery between them after which the version is quarantined. */
  readonly openingsMax: number
  /**
   * Of a family's versions at most this share is open at once, and at least one may be: when most
   * fail it is not the models that are at fault, and asking nobody helps nobody.
   */
  readonly openShareMax: number
  /**
   * Versions with state, at most, of those that are asked and of those that are set aside: the
   * oldest is forgotten. Apart, so that a wave of failures brings none back that was set aside.
   * About 700 bytes each.
   */
  readonly statesMax: number
}

export const breakerLimits: BreakerLimits = {
  consecutiveMax: 5,
  failedShareMax: 0.5,
  windowCallsMin: 20,
  windowMs: 10_000,
  openMs: 5_000,
  openMaxMs: 60_000,
  openingsMax: 3,
  openShareMax: 0.5,
  statesMax: 10_000,
}

/** Calls of a window are counted in so many slices of it. */
const slices = 10

interface State {
  readonly model: string
  readonly version: number
  /** `closed` as far as it goes; `open` until `untilMs`, then half open: one `probing`. */
  phase: 'closed' | 'open' | 'quarantined'
  consecutive: number
  /** Slice by slice: when it began, calls, failures. */
  readonly sliceOf: Float64Array
  readonly calls: Uint32Array
  readonly failures: Uint32Array
  openings: number
  untilMs: number
  probing: boolean
  because: string
  sinceMs: number
}

/** A version that is not asked. */
export interface Ejected {
  readonly model: string
  readonly version: number
  readonly state: 'open' | 'quarantined'
  /** The failure that did it. */
  readonly because: string
  /** On the monotonic clock. */
  readonly sinceMs: number
}

export type Verdict = 'opened' | 'quarantined' | undefined

export class Breakers {
  readonly #limits: BreakerLimits
  /** Closed: they failed of late and are asked all the same. */
  readonly #asked = new Map<string, State>()
  /** Open or quarantined. */
  readonly #aside = new Map<string, State>()
  /** By blueprint, how many are set aside. */
  readonly #asideOf = new Map<string, number>()

  constructor(limits: BreakerLimits = breakerLimits) {
    this.#limits = limits
  }

  /** Versions with state. While it is 0 nobody has to ask anything else. */
  get size(): number {
    return this.#asked.size + this.#aside.size
  }

  /** Why the version is not to be asked, or undefined: it is. A probe is let through once. */
  refuses(model: string, version: number, nowMs: number): string | undefined {
    const state = this.#aside.get(keyOf(model, version))
    if (state === undefined) return undefined
    if (state.phase === 'quarantined') return `version ${version} is quarantined: ${state.because}`
    if (nowMs >= state.untilMs && !state.probing) {
      state.probing = true
      return undefined
    }
    return `version ${version} is set aside for a moment: ${state.because}`
  }

  succeeded(model: string, version: number, nowMs: number): void {
    const key = keyOf(model, version)
    const state = this.#find(key)
    if (state === undefined || state.phase === 'quarantined') return
    if (state.phase === 'open') {
      if (!state.probing) return
      this.#close(key, state)
    }
    state.consecutive = 0
    count(state, nowMs, false, this.#limits)
    const { calls, failures } = inWindow(state, nowMs, this.#limits)
    // As many good calls as would have judged it: it has recovered, and nothing is remembered.
    if (failures === 0 && calls >= this.#limits.windowCallsMin) this.#asked.delete(key)
  }

  /** The call that was let through came to nothing that says anything of the version. */
  unknown(model: string, version: number): void {
    const state = this.#aside.get(keyOf(model, version))
    if (state !== undefined) state.probing = false
  }

  /** `serving`: versions of the family. Says what the failure has led to. */
  failed(
    model: string,
    version: number,
    nowMs: number,
    about: { readonly because: string; readonly serving: number },
  ): Verdict {
    const state = this.#stateOf(model, version)
    if (state.phase === 'quarantined') return undefined
    const wasProbe = state.phase === 'open'
    if (wasProbe && !state.probing) return undefined
    state.consecutive += 1
    count(state, nowMs, true, this.#limits)
    if (!wasProbe && !isTooMuch(state, nowMs, this.#limits)) return undefined
    if (!wasProbe && !this.#mayEject(model, about.serving)) return undefined
    return this.#open(state, nowMs, about.because)
  }

  /** Sets a version aside until it is lifted: what was recorded before this process began. */
  quarantine(model: string, version: number, nowMs: number, because: string): void {
    const state = this.#find(keyOf(model, version)) ?? newState(model, version)
    this.#setAside(state, { phase: 'quarantined', because, sinceMs: nowMs })
  }

  /** Asks it again from now on, as if nothing had been. */
  lift(model: string, version: number): boolean {
    return this.#forget(keyOf(model, version))
  }

  isEjected(model: string, version: number): boolean {
    return this.#aside.has(keyOf(model, version))
  }

  /** Whether any version of the family is set aside. */
  hasEjected(blueprint: string): boolean {
    return this.#asideOf.has(blueprint)
  }

  /** Forgets the versions of a family that are not `kept`. */
  keep(blueprint: string, kept: (model: string, version: number) => boolean): void {
    for (const states of [this.#asked, this.#aside]) {
      for (const [key, { model, version }] of states) {
        if (blueprintOf(model) === blueprint && !kept(model, version)) this.#forget(key)
      }
    }
  }

  ejected(): readonly Ejected[] {
    return Array.from(this.#aside.values(), ({ model, version, phase, because, sinceMs }) => {
      const state = phase === 'quarantined' ? phase : 'open'
      return { model, version, state, because, sinceMs }
    })
  }

  #open(state: State, nowMs: number, because: string): Verdict {
    const { openMs, openMaxMs, openingsMax } = this.#limits
    state.openings += 1
    const phase = state.openings >= openingsMax ? 'quarantined' : 'open'
    state.untilMs = nowMs + Math.min(openMs * 2 ** (state.openings - 1), openMaxMs)
    this.#setAside(state, { phase, because, sinceMs: nowMs })
    return phase === 'open' ? 'opened' : 'quarantined'
  }

  #setAside(state: State, now: Pick<State, 'phase' | 'because' | 'sinceMs'>): void {
    const key = keyOf(state.model, state.version)
    if (state.phase === 'closed') {
      this.#count(state.model, 1)
      this.#asked.delete(key)
      this.#aside.set(key, state)
    }
    Object.assign(state, now, { probing: false })
    this.#trim(this.#aside)
  }

  /** Openings stay counted until it has recovered. */
  #close(key: string, state: State): void {
    this.#count(state.model, -1)
    this.#aside.delete(key)
    this.#asked.set(key, state)
    state.phase = 'closed'
    state.probing = false
    state.calls.fill(0)
    state.failures.fill(0)
    this.#trim(this.#asked)
  }

  #mayEject(model: string, serving: number): boolean {
    const ejected = this.#asideOf.get(blueprintOf(model)) ?? 0
    return ejected + 1 <= Math.max(1, Math.floor(serving * this.#limits.openShareMax))
  }

  #count(model: string, by: 1 | -1): void {
    const blueprint = blueprintOf(model)
    const count = (this.#asideOf.get(blueprint) ?? 0) + by
    if (count > 0) this.#asideOf.set(blueprint, count)
    else this.#asideOf.delete(blueprint)
  }

  /** The one that failed last is the youngest. */
  #stateOf(model: string, version: number): State {
    const key = keyOf(model, version)
    const aside = this.#aside.get(key)
    if (aside !== undefined) return aside
    const state = this.#asked.get(key) ?? newState(model, version)
    this.#asked.delete(key)
    this.#asked.set(key, state)
    this.#trim(this.#asked)
    return state
  }

  #find(key: string): State | undefined {
    return this.#asked.get(key) ?? this.#aside.get(key)
  }

  #trim(states: Map<string, State>): void {
    if (states.size > this.#limits.statesMax) this.#forget(states.keys().next().value!)
  }

  #forget(key: string): boolean {
    const aside = this.#aside.get(key)
    if (aside !== undefined) this.#count(aside.model, -1)
    return this.#aside.delete(key) || this.#asked.delete(key)
  }
}

function keyOf(model: string, version: number): string {
  return `${model}@${version}`
}

function blueprintOf(model: string): string {
  const dot = model.indexOf('.')
  return dot < 0 ? model : model.slice(0, dot)
}

function newState(model: string, version: number): State {
  return {
    model,
    version,
    phase: 'closed',
    consecutive: 0,
    sliceOf: new Float64Array(slices).fill(-1),
    calls: new Uint32Array(slices),
    failures: new Uint32Array(slices),
    openings: 0,
    untilMs: 0,
    probing: false,
    because: '',
    sinceMs: 0,
  }
}

function count(state: State, nowMs: number, hasFailed: boolean, limits: BreakerLimits): void {
  const number = Math.floor(nowMs / (limits.windowMs / slices))
  const slice = number % slices
  if (state.sliceOf[slice] !== number) {
    state.sliceOf[slice] = number
    state.calls[slice] = 0
    state.failures[slice] = 0
  }
  state.calls[slice]! += 1
  if (hasFailed) state.failures[slice]! += 1
}

function inWindow(
  state: State,
  nowMs: number,
  limits: BreakerLimits,
): { calls: number; failures: number } {
  const newest = Math.floor(nowMs / (limits.windowMs / slices))
  let [calls, failures] = [0, 0]
  for (let slice = 0; slice < slices; slice++) {
    if (state.sliceOf[slice]! <= newest - slices) continue
    calls += state.calls[slice]!
    failures += state.failures[slice]!
  }
  return { calls, failures }
}

function isTooMuch(state: State, nowMs: number, limits: BreakerLimits): boolean {
  if (state.consecutive >= limits.consecutiveMax) return true
  const { calls, failures } = inWindow(state, nowMs, limits)
  return calls >= limits.windowCallsMin && failures > calls * limits.failedShareMax
}
