import type { Clock } from '../base/clock.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import { inSpan } from '../telemetry/index.ts'
import { admitModel } from './admission.ts'
import type { InferRequest } from './answer.ts'
import type { Breakers } from './breaker.ts'
import { type Failure, failureOf } from './fallback.ts'
import { type Filled, fillGaps } from './fill.ts'
import { type InputReader, missedInputs } from './input-reader.ts'
import { namesOutOfRange } from './input-values.ts'
import type { ServeLimits } from './limits.ts'
import type { Resolved } from './resolve.ts'
import type { ReadRequest } from './validate.ts'

const noAttributes = {}

/** What a version made of a request. */
export interface Computed {
  readonly by: Resolved
  readonly read: ReadRequest
  /** One finite number a row. */
  readonly values: Float32Array
  readonly outOfRange: readonly string[] | undefined
  readonly filled: Filled | undefined
}

/**
 * Asks one version: lets its rows in, has its features and parameters brought, waits for its turn,
 * and keeps account of how it went.
 */
export class VersionCalls {
  readonly #clock: Clock
  readonly #limits: ServeLimits
  readonly #breakers: Breakers
  #fillingRows = 0

  constructor(parts: { clock: Clock; limits: ServeLimits; breakers: Breakers }) {
    this.#clock = parts.clock
    this.#limits = parts.limits
    this.#breakers = parts.breakers
  }

  /**
   * `deadlineMs` is on the monotonic clock. A failure that is its own counts against it; 'gone':
   * its session was closed while its features or parameters were fetched.
   */
  async compute(
    request: InferRequest,
    deadlineMs: number,
    by: Resolved,
    read: ReadRequest,
  ): Promise<Computed | Failure | 'gone'> {
    // Nothing is refused between here and the verdict: whoever is let through as the probe of a
    // version that was set aside has to bring word of it.
    const refusal = this.#refusalOf(by)
    if (refusal !== undefined) return refusal
    try {
      const computed = await this.#run(request, deadlineMs, by, read)
      if (computed !== 'gone') return this.#judged(computed)
      this.#countNothing(by)
      return 'gone'
    } catch (error) {
      const failure = failureOf(asMusterError(error))
      if (failure?.kind === 'version') this.#countFailure(by, failure)
      else this.#countNothing(by)
      if (failure === undefined) throw error
      return failure
    }
  }

  async #run(
    request: InferRequest,
    deadlineMs: number,
    by: Resolved,
    read: ReadRequest,
  ): Promise<Computed | 'gone'> {
    const { family, member, answeredBy } = by
    const origin = family.origins[family.origin[member]!]!
    if (origin.ready === undefined) return 'gone'
    const { reader } = origin.ready
    const { rows, x, gaps } = read
    const { rowsInFlightMax } = family.standing.serving
    const rowsMax = rowsInFlightMax ?? this.#limits.modelRowsMax
    admitModel(answeredBy, family.inFlight[member]!, rows, rowsMax)
    family.inFlight[member]! += rows
    try {
      let { outOfRange } = read
      let filled: Filled | undefined
      if (gaps !== undefined) {
        const about = { 'muster.inputs': gaps.inputs.length }
        const found = await inSpan('features', about, () =>
          this.#fillBefore(deadlineMs, { rows, x, gaps }, reader, request.model),
        )
        filled = found
        outOfRange = namesOutOfRange(outOfRange, found.outOfRange)
      }
      outOfRange = namesOutOfRange(outOfRange, missedInputs(reader, x, rows))
      const row = family.row[member]!
      const page = origin.block.find(row) ?? (await origin.block.read(row))
      // No await from here on: what is enqueued, its session is open for.
      if (origin.ready === undefined) return 'gone'
      const { batcher } = origin.ready
      const job = {
        x,
        rows,
        block: page.rows,
        width: origin.block.width,
        row: row - page.firstRow,
        deadlineMs,
        priority: request.priority,
        signal: request.signal,
      }
      const values = await inSpan('batch', noAttributes, () => batcher.run(job))
      return { by, read, values, outOfRange, filled }
    } finally {
      family.inFlight[member]! -= rows
    }
  }

  /**
   * A number that is not finite is a failure, since there is no form for it on the wire. It does
   * not count against the version where an input lies outside of what training saw: else one
   * caller could take a model away from all others.
   */
  #judged(computed: Computed): Computed | Failure {
    const { by, values, outOfRange } = computed
    const { family, member, answeredBy } = by
    const wrong = firstNotFinite(values)
    if (wrong < 0) {
      family.standing.answered += 1
      family.standing.calls += 1
      if (this.#breakers.size > 0) {
        const nowMs = this.#clock.monotonicMs()
        this.#breakers.succeeded(answeredBy, family.version[member]!, nowMs)
      }
      return computed
    }
    const error = notFinite(wrong)
    const failure: Failure = { kind: 'version', because: error.message, error }
    if (outOfRange === undefined) this.#countFailure(by, failure)
    else this.#countNothing(by)
    return failure
  }

  #countNothing({ family, member, answeredBy }: Resolved): void {
    if (this.#breakers.size > 0) this.#breakers.unknown(answeredBy, family.version[member]!)
  }

  #countFailure({ family, member, answeredBy }: Resolved, { because }: Failure): void {
    const { serving } = family
    const nowMs = this.#clock.monotonicMs()
    this.#breakers.failed(answeredBy, family.version[member]!, nowMs, { because, serving })
  }

  /** Why the version is not asked now; undefined: it is. */
  #refusalOf({ family, member, answeredBy }: Resolved): Failure | undefined {
    if (this.#breakers.size === 0) return undefined
    const nowMs = this.#clock.monotonicMs()
    const because = this.#breakers.refuses(answeredBy, family.version[member]!, nowMs)
    if (because === undefined) return undefined
    const error = new MusterError('E_NOT_SERVING', `${answeredBy}: ${because}`, {
      field: 'model',
      hint: `see why: muster why ${answeredBy}`,
      extra: { retryAfterSeconds: 5 },
    })
    return { kind: 'version', because, error }
  }

  /** Throws E_DEADLINE_PAST; the rows count as waiting until their look-up has ended. */
  async #fillBefore(
    deadlineMs: number,
    request: Parameters<typeof fillGaps>[0],
    reader: InputReader,
    model: string,
  ): ReturnType<typeof fillGaps> {
    if (deadlineMs === Number.POSITIVE_INFINITY) return this.#fill(request, reader, model)
    const { promise: late, reject } = Promise.withResolvers<never>()
    const leftMs = deadlineMs - this.#clock.monotonicMs()
    const timer = setTimeout(() => reject(lateLookup()), leftMs)
    try {
      return await Promise.race([this.#fill(request, reader, model), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** What a request leaves out, within the rows that may wait for it. */
  async #fill(
    request: Parameters<typeof fillGaps>[0],
    reader: InputReader,
    model: string,
  ): ReturnType<typeof fillGaps> {
    if (this.#fillingRows + request.rows > this.#limits.fillingRowsMax) {
      throw new MusterError('E_BUSY', `${this.#fillingRows} rows wait for their features already`, {
        hint: 'send it again in a second',
        extra: { retryAfterSeconds: 1 },
      })
    }
    this.#fillingRows += request.rows
    try {
      return await fillGaps(request, reader, model, () => this.#clock.now().getTime())
    } finally {
      this.#fillingRows -= request.rows
    }
  }
}

function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}

function lateLookup(): MusterError {
  const detail = 'the deadline passed while features were looked up; the model did not run'
  return new MusterError('E_DEADLINE_PAST', detail)
}

function notFinite(row: number): MusterError {
  return new MusterError('E_FEATURE_VALUE', `row ${row} gives a number that is not finite`, {
    hint: 'the inputs of this row are far outside of what the model was trained on',
  })
}
