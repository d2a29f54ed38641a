import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { Blobs, FamilyRoutes } from '../fleet/index.ts'
import { openFamilySession } from '../onnx/index.ts'
import { versionDigest } from '../registry/index.ts'
import type { Answer, FamilyStatus, InferRequest, ModelMetadata } from './answer.ts'
import { Batcher, type GraphSession, type WaitingRows } from './batcher.ts'
import { type Block, readBlock } from './block.ts'
import { type Family, type FamilyFacts, loadFamily } from './family.ts'
import { type Filled, fillGaps } from './fill.ts'
import { HeldByDigest } from './held-by-digest.ts'
import { type InputReader, missedInputs } from './input-reader.ts'
import { type ServeLimits, serveLimits } from './limits.ts'
import type { ServeMetrics } from './metrics.ts'
import { receiptIds } from './receipts.ts'
import { checkVersion, type Resolved, resolve, unknownModel } from './resolve.ts'
import { namesOutOfRange, readInferBody } from './validate.ts'

/*
 * The data plane: a name and values in, a number and a receipt out. It knows no transport; HTTP is
 * at the rim (`http.ts`), others will be. It reads no database: `main/` hands it routes, and it
 * goes on with those it has.
 */

export interface DataPlaneOptions {
  readonly blobs: Pick<Blobs, 'get'>
  readonly clock: Clock
  readonly environment: string
  readonly limits?: ServeLimits
  readonly metrics?: ServeMetrics
  /** Opens the session of a graph; the one of `onnx/` unless a test counts its calls. */
  readonly openSession?: (graph: Uint8Array) => Promise<GraphSession>
}

export function openDataPlane(options: DataPlaneOptions): DataPlane {
  return new DataPlane(options)
}

export class DataPlane {
  readonly environment: string
  readonly limits: ServeLimits
  readonly #clock: Clock
  readonly #metrics: ServeMetrics | undefined
  readonly #nextReceipt: () => ReceiptId
  readonly #families = new Map<string, Family>()
  /**
   * The newest generation taken, kept after a removal: a late writer must not bring a family back.
   */
  readonly #generations = new Map<string, number>()
  readonly #loading = new Map<string, number>()
  /** Families that cannot be taken yet, and why: `holdFamily`. */
  readonly #held = new Map<string, { readonly because: string; readonly hint: string }>()
  readonly #batchers: HeldByDigest<Batcher>
  readonly #blocks: HeldByDigest<Block>
  #synced = false
  #fillingRows = 0

  constructor(options: DataPlaneOptions) {
    const { blobs, clock, metrics } = options
    const limits = options.limits ?? serveLimits
    assert(limits.rowsPerCallMax >= limits.rowsPerRequestMax, 'a request fits one call')
    this.environment = options.environment
    this.limits = limits
    this.#clock = clock
    this.#metrics = metrics
    this.#nextReceipt = receiptIds(clock)
    const total: WaitingRows = { rows: 0 }
    const onCall = (rows: number) => metrics?.called(rows)
    const openSession = options.openSession ?? openFamilySession
    this.#batchers = new HeldByDigest(
      async graph => {
        const session = await openSession(await blobs.get(graph))
        return new Batcher(session, { clock, limits, total, onCall })
      },
      batcher => batcher.close(),
    )
    this.#blocks = new HeldByDigest(
      async pack => readBlock(await blobs.get(pack)),
      () => undefined,
    )
    metrics?.watch(() => this.servingCount)
  }

  get servingCount(): number {
    let serving = 0
    for (const family of this.#families.values()) serving += family.serving
    return serving
  }

  /**
   * Takes a newer generation of a family's routes: loads and proves what they name while the old
   * one answers, then swaps between two requests. 'stale' when a newer one was taken meanwhile.
   * When it throws (bytes gone, a digest that does not match), the old one goes on answering.
   */
  async replaceFamily(routes: FamilyRoutes, facts: FamilyFacts): Promise<'applied' | 'stale'> {
    const { blueprint, generation } = routes
    assert(routes.environment === this.environment, 'routes are of the environment that is served')
    if (this.#isStale(blueprint, generation)) return 'stale'
    this.#loading.set(blueprint, (this.#loading.get(blueprint) ?? 0) + 1)
    let next: Family
    try {
      next = await loadFamily(routes, facts, { batchers: this.#batchers, blocks: this.#blocks })
    } finally {
      const others = this.#loading.get(blueprint)! - 1
      if (others > 0) this.#loading.set(blueprint, others)
      else this.#loading.delete(blueprint)
    }
    if (this.#isStale(blueprint, generation)) {
      next.release()
      return 'stale'
    }
    const old = this.#families.get(blueprint)
    this.#generations.set(blueprint, generation)
    this.#families.set(blueprint, next)
    this.#held.delete(blueprint)
    old?.release()
    return 'applied'
  }

  /** Ends a family that is no longer declared; calls taken before are still answered. */
  removeFamily(blueprint: string, generation: number): 'applied' | 'stale' {
    if (this.#isStale(blueprint, generation)) return 'stale'
    this.#generations.set(blueprint, generation)
    const old = this.#families.get(blueprint)
    this.#families.delete(blueprint)
    this.#held.delete(blueprint)
    old?.release()
    return 'applied'
  }

  /** Until its routes can be taken, callers of a family that does not serve are told this. */
  holdFamily(blueprint: string, why: { readonly because: string; readonly hint: string }): void {
    this.#held.set(blueprint, why)
  }

  /**
   * To be called once all routes of the environment were handed over: from now on, unknown is
   * unknown.
   */
  markSynced(): void {
    this.#synced = true
  }

  /**
   * Whether requests may be sent here: the routes were read, and no family loads for the first
   * time.
   */
  get isReady(): boolean {
    if (!this.#synced) return false
    for (const blueprint of this.#loading.keys()) if (!this.#families.has(blueprint)) return false
    return true
  }

  /**
   * Answers one request by exactly one version. Throws E_MODEL_UNKNOWN, E_NAME, E_NOT_FOUND
   * (version), E_NOT_SERVING, E_BUSY, E_DEADLINE, E_DEADLINE_PAST and what `readInferBody` throws.
   */
  async infer(request: InferRequest): Promise<Answer> {
    const startedMs = this.#clock.monotonicMs()
    try {
      const answer = await this.#infer(request, startedMs)
      this.#metrics?.answered(answer, this.#sinceSeconds(startedMs))
      return answer
    } catch (error) {
      const refusal = asMusterError(error)
      this.#metrics?.refused(refusal.code, this.#sinceSeconds(startedMs))
      throw refusal
    }
  }

  async #infer(request: InferRequest, startedMs: number): Promise<Answer> {
    const deadlineMs = this.#deadlineOf(request, startedMs)
    const { family, member, answeredBy, because } = this.#resolve(request.model, request.version)
    const { batcher, block, reader } = family.origins[family.origin[member]!]!
    const read = readInferBody(request.body, reader, this.limits, request.tensors)
    const { id, rows, x, binaryOutput, gaps } = read
    let { outOfRange } = read
    let filled: Filled | undefined
    if (gaps !== undefined) {
      const found = await this.#fill({ rows, x, gaps }, reader, request.model)
      // A newer generation has another view, perhaps, and the sessions of this one are closed.
      if (!this.#isServing(family)) return this.#infer(request, startedMs)
      filled = found
      outOfRange = namesOutOfRange(outOfRange, found.outOfRange)
    }
    outOfRange = namesOutOfRange(outOfRange, missedInputs(reader, x, rows))
    // No await up to here since the family was seen to serve: what is enqueued is of the generation
    // that serves now.
    const values = await batcher.run({
      x,
      rows,
      block: block.rows,
      width: block.width,
      row: family.row[member]!,
      deadlineMs,
    })
    checkFinite(values)
    const receipt = this.#nextReceipt()
    return {
      model: request.model,
      answeredBy,
      version: family.version[member]!,
      how: because === undefined ? 'itself' : 'ancestor',
      because,
      receipt,
      id: id ?? receipt,
      output: family.reader.signature.output.name,
      values,
      outOfRange,
      binaryOutput,
      filled,
    }
  }

  /** What a request leaves out, within the rows that may wait for it. */
  async #fill(
    request: Parameters<typeof fillGaps>[0],
    reader: InputReader,
    model: string,
  ): ReturnType<typeof fillGaps> {
    if (this.#fillingRows + request.rows > this.limits.fillingRowsMax) {
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

  #isServing(family: Family): boolean {
    return this.#families.get(family.blueprint) === family
  }

  /** What serves under `name`. Throws as `infer` does. */
  metadata(name: string, version?: string): ModelMetadata {
    const { family, member, answeredBy, because } = this.#resolve(name, version)
    const { graph, block } = family.origins[family.origin[member]!]!
    const row = family.row[member]!
    const parameters = block.rows.subarray(row * block.width, (row + 1) * block.width)
    return {
      model: name,
      answeredBy,
      because,
      version: family.version[member]!,
      versionDigest: versionDigest(graph, answeredBy, parameters),
      purpose: family.purpose,
      signature: family.reader.signature,
      source: family.reader.source,
    }
  }

  list(): readonly FamilyStatus[] {
    return [...this.#families.values()].map(family => ({
      blueprint: family.blueprint,
      generation: family.generation,
      purpose: family.purpose,
      serving: family.serving,
      inherited: family.names.size - family.serving,
      indexBytes:
        family.names.bytes +
        family.origin.byteLength +
        family.row.byteLength +
        family.version.byteLength +
        [...new Set(family.origins.map(origin => origin.block))].reduce(
          (sum, block) => sum + block.nameHashes.byteLength,
          0,
        ) +
        family.reasons.reduce((sum, reason) => sum + reason.length, 0),
      parameterBytes: [...new Set(family.origins.map(origin => origin.block))].reduce(
        (sum, block) => sum + block.rows.byteLength,
        0,
      ),
    }))
  }

  /** Closes every session once its calls are answered. */
  close(): void {
    for (const family of this.#families.values()) family.release()
    this.#families.clear()
    this.#synced = false
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #resolve(name: string, version: string | undefined): Resolved {
    if (name.length > this.limits.nameLengthMax) {
      throw new MusterError(
        'E_NAME',
        `the name of the model has ${name.length} characters; the limit is ${this.limits.nameLengthMax}`,
        { field: 'model' },
      )
    }
    const dot = name.indexOf('.')
    const blueprint = dot < 0 ? name : name.slice(0, dot)
    if (!this.#families.has(blueprint)) throw this.#notHere(name, blueprint)
    const resolved = resolve(name, this.#families)
    if (!resolved) {
      throw new MusterError('E_NOT_SERVING', `nothing from ${name} up to ${blueprint} serves yet`, {
        field: 'model',
        hint: `see why: muster why ${blueprint}`,
        extra: { retryAfterSeconds: 5 },
      })
    }
    if (version !== undefined) checkVersion(name, version, resolved)
    return resolved
  }

  #notHere(name: string, blueprint: string): MusterError {
    const held = this.#held.get(blueprint)
    if (held) {
      return new MusterError('E_NOT_SERVING', `${blueprint} does not serve: ${held.because}`, {
        field: 'model',
        hint: held.hint,
        extra: { retryAfterSeconds: 5 },
      })
    }
    if (this.#synced && !this.#loading.has(blueprint)) {
      return unknownModel(name, this.#families, undefined)
    }
    return new MusterError(
      'E_NOT_SERVING',
      this.#loading.has(blueprint)
        ? `${blueprint} is being loaded`
        : 'the routes of the fleet have not been read yet',
      { field: 'model', hint: 'send it again in a moment', extra: { retryAfterSeconds: 1 } },
    )
  }

  #isStale(blueprint: string, generation: number): boolean {
    return generation <= (this.#generations.get(blueprint) ?? Number.NEGATIVE_INFINITY)
  }

  #deadlineOf({ deadlineMs }: InferRequest, startedMs: number): number {
    if (deadlineMs === undefined) return Number.POSITIVE_INFINITY
    if (Number.isInteger(deadlineMs) && deadlineMs > 0 && deadlineMs <= this.limits.deadlineMaxMs) {
      return startedMs + deadlineMs
    }
    throw new MusterError('E_DEADLINE', 'the deadline is not a usable number of milliseconds', {
      field: 'deadline',
      hint: `give whole milliseconds from now, 1 to ${this.limits.deadlineMaxMs}`,
    })
  }

  #sinceSeconds(startedMs: number): number {
    return (this.#clock.monotonicMs() - startedMs) / 1_000
  }
}

/**
 * Finite inputs can still overflow float32 inside the graph; JSON has no form for what comes out.
 */
function checkFinite(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue
    throw new MusterError('E_FEATURE_VALUE', `row ${i} gives a number that is not finite`, {
      hint: 'the inputs of this row are far outside of what the model was trained on',
    })
  }
}
