import type { Series } from '../telemetry/index.ts'

/** What happened to the requests of one model, since it was named. */
export interface ModelCounts {
  version: number
  answered: number
  rows: number
  /** From the read body to the answer. */
  microseconds: number
  readonly failed: Record<Reason, number>
}

/** As Triton's `reason`. */
export type Reason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER'

export const topModelsLimits = {
  /** Models with series of their own. */
  named: 20,
  /** Names that are counted within one window; further ones are not, until the next. */
  candidates: 20_000,
  /** Between two choices: a series that comes and goes faster is of no use to who looks. */
  windowMs: 60_000,
}

/**
 * Counts by model, for the most called models of the last window; all others are one, `_other`. So
 * the number of series has an end, whatever is called. A model's counts begin when it is named and
 * end when it is not any more: every series only ever grows.
 */
export class TopModels {
  readonly #limits: typeof topModelsLimits
  readonly #named = new Map<string, ModelCounts>()
  readonly #other = noCounts(0)
  #candidates = new Map<string, number>()
  #nextMs = Number.NEGATIVE_INFINITY

  constructor(limits = topModelsLimits) {
    this.#limits = limits
  }

  answered(model: string, version: number, rows: number, seconds: number): void {
    const seen = this.#candidates.get(model)
    if (seen !== undefined || this.#candidates.size < this.#limits.candidates) {
      this.#candidates.set(model, (seen ?? 0) + 1)
    }
    const counts = this.#countsOf(model, version)
    counts.answered += 1
    counts.rows += rows
    counts.microseconds += seconds * 1e6
  }

  /** A newer version begins anew; an older one that stands in for it is counted with it. */
  #countsOf(model: string, version: number): ModelCounts {
    const counts = this.#named.get(model)
    if (counts !== undefined && version <= counts.version) return counts
    if (counts === undefined && this.#named.size >= this.#limits.named) return this.#other
    const fresh = noCounts(version)
    this.#named.set(model, fresh)
    return fresh
  }

  /** Of any name: one that nothing answers to has no series. */
  failed(model: string, reason: Reason): void {
    const counts = this.#named.get(model) ?? this.#other
    counts.failed[reason] += 1
  }

  /** To be called every second or so. Ends the window when it is over, and chooses anew. */
  tend(nowMs: number): void {
    if (nowMs < this.#nextMs) return
    this.#nextMs = nowMs + this.#limits.windowMs
    const most = [...this.#candidates].sort((a, b) => b[1] - a[1]).slice(0, this.#limits.named)
    this.#candidates = new Map()
    const top = new Set(most.map(([model]) => model))
    const excess = [...this.#named.keys()].filter(model => !top.has(model))
    const fresh = [...top].filter(model => !this.#named.has(model))
    const room = this.#limits.named - this.#named.size
    // Those that were not called keep their series until others need the place.
    for (const model of excess.slice(0, Math.max(0, fresh.length - room))) {
      this.#named.delete(model)
    }
    for (const model of fresh) this.#named.set(model, noCounts(0))
  }

  /** One series a model, and one for all others. */
  series(value: (counts: ModelCounts) => number): Series {
    const labels = (model: string, { version }: ModelCounts) => ({
      model,
      version: version === 0 ? '' : String(version),
    })
    return [...this.#named, ['_other', this.#other] as const].map(
      ([model, counts]) => [labels(model, counts), value(counts)] as const,
    )
  }
}

function noCounts(version: number): ModelCounts {
  const failed = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 }
  return { version, answered: 0, rows: 0, microseconds: 0, failed }
}
