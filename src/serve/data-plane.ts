import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { deadlineAtMs } from '../base/deadline.ts'
import type { Digest } from '../base/digest.ts'
import { asMusterError, type MusterError } from '../base/errors.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { FamilyRoutes } from '../fleet/index.ts'
import { openFamilySession } from '../onnx/index.ts'
import { versionDigest } from '../registry/index.ts'
import type { ServingSpec } from '../spec/index.ts'
import { currentSpan } from '../telemetry/index.ts'
import {
  admitUnder,
  fullLine,
  overLimit,
  type Strain,
  type TenantLimits,
  Tenants,
} from './admission.ts'
import type { Answer, FamilyStatus, InferRequest, ModelMetadata } from './answer.ts'
import { cacheKey } from './answer-cache.ts'
import { Batcher, type GraphSession, type WaitingRows } from './batcher.ts'
import { Breakers, type Ejected } from './breaker.ts'
import { Dependencies } from './dependencies.ts'
import { nothingServes, wakeFailure } from './fallback.ts'
import { Families } from './families.ts'
import { type Family, type FamilyFacts, familyStatus } from './family.ts'
import type { ImportedModel, ImportedModels, TensorAnswer } from './imported.ts'
import { findImported, inferImported } from './imported-infer.ts'
import { KeptAnswers } from './kept-answers.ts'
import { type ServeLimits, serveLimits } from './limits.ts'
import { membersBelow } from './members-below.ts'
import type { ServeMetrics } from './metrics.ts'
import type { PredictionSink } from './prediction-sink.ts'
import { receiptIds } from './receipts.ts'
import { type PackBlobs, Residency, type ResidencyStatus } from './residency.ts'
import { checkVersion } from './resolve.ts'
import { type Ask, StandIns } from './stand-ins.ts'
import { tracedInfer } from './traced-infer.ts'
import { readRequest } from './validate.ts'
import { VersionCalls } from './version-calls.ts'
import { shareOf } from './waiting.ts'

/*
 * The data plane: a name and values in, a number and a receipt out. It knows no transport; HTTP is
 * at the rim (`http.ts`), others will be. It reads no database: `main/` hands it routes, and it
 * goes on with those it has.
 */

export interface DataPlaneOptions {
  readonly blobs: PackBlobs
  readonly clock: Clock
  readonly environment: string
  readonly limits?: ServeLimits
  readonly metrics?: ServeMetrics
  /** Opens the session of a graph; the one of `onnx/` unless a test counts its calls. */
  readonly openSession?: (graph: Uint8Array) => Promise<GraphSession>
  /** What each tenant may send. Absent: as much as there is room for. */
  readonly tenants?: TenantLimits
  /** Of parameters in memory. Absent: all of them. */
  readonly residentBytesMax?: number
  /** Models that people brought; they run elsewhere. Absent: none. */
  readonly imported?: ImportedModels
  /** Where every answer is left before it goes out. Absent: nowhere. */
  readonly sink?: PredictionSink | undefined
}

export function openDataPlane(options: DataPlaneOptions): DataPlane {
  return new DataPlane(options)
}

export class DataPlane {
  readonly environment: string
  readonly limits: ServeLimits
  /** What `main` sees of the process; the rim and admission act on it. */
  strain: Strain = 'none'
  /** Connections are not kept: see `spreadsCallers`. */
  spreads = false
  readonly dependencies = new Dependencies()
  readonly #clock: Clock
  readonly #metrics: ServeMetrics | undefined
  readonly #families: Families
  readonly #breakers = new Breakers()
  readonly #residency: Residency
  readonly #tenants: Tenants | undefined
  readonly #total: WaitingRows = { rows: 0 }
  readonly #calls: VersionCalls
  readonly #standIns: StandIns
  readonly #imported: ImportedModels | undefined
  readonly #kept: KeptAnswers | undefined
  readonly #nextReceipt: () => ReceiptId
  #isDraining = false

  constructor(options: DataPlaneOptions) {
    const { blobs, clock, metrics, environment, tenants } = options
    const limits = options.limits ?? serveLimits
    assert(limits.rowsPerCallMax >= limits.rowsPerRequestMax, 'a request fits one call')
    this.environment = environment
    this.limits = limits
    this.#clock = clock
    this.#metrics = metrics
    this.#tenants = tenants && new Tenants(tenants)
    this.#residency = new Residency(blobs, options.residentBytesMax ?? Number.POSITIVE_INFINITY)
    this.#calls = new VersionCalls({ clock, limits, breakers: this.#breakers })
    this.#kept = options.sink && new KeptAnswers(options.sink, clock, environment)
    const nextReceipt = receiptIds(clock)
    this.#nextReceipt = nextReceipt
    this.#imported = options.imported
    this.#standIns = new StandIns(this.#calls, {
      clock,
      limits,
      nextReceipt,
      kept: this.#kept,
    })
    const total = this.#total
    const onCall = (rows: number) => metrics?.called(rows)
    const openSession = options.openSession ?? openFamilySession
    this.#families = new Families({
      clock,
      environment,
      breakers: this.#breakers,
      residency: this.#residency,
      nameLengthMax: limits.nameLengthMax,
      openBatcher: async (graph: Digest) => {
        const session = await openSession(await blobs.get(graph))
        return new Batcher(session, { clock, limits, total, onCall })
      },
    })
    metrics?.watch(this)
  }

  get waitingRows(): number {
    return this.#total.rows
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
  replaceFamily(routes: FamilyRoutes, facts: FamilyFacts): Promise<'applied' | 'stale'> {
    return this.#families.replace(routes, facts)
  }

  /** Ends a family that is no longer declared; calls taken before are still answered. */
  removeFamily(blueprint: string, generation: number): 'applied' | 'stale' {
    return this.#families.remove(blueprint, generation)
  }

  /** Until its routes can be taken, callers of a family that does not serve are told this. */
  holdFamily(blueprint: string, why: { readonly because: string; readonly hint: string }): void {
    this.#families.hold(blueprint, why)
  }

  /** From the next call on. What is in memory follows when it is next loaded. */
  setServing(blueprint: string, serving: ServingSpec): void {
    this.#families.setServing(blueprint, serving)
  }

  /**
   * To be called once all routes of the environment were handed over: from now on, unknown is
   * unknown.
   */
  markSynced(): void {
    this.#families.isSynced = true
  }

  /**
   * Whether requests may be sent here: the routes were read, no family loads for the first time,
   * and it is not about to end.
   */
  get isReady(): boolean {
    return this.#families.isReady && !this.#isDraining
  }

  /** From now on it is not ready, and still answers. */
  drain(): void {
    this.#isDraining = true
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** To be called every second or so: lets go of what need not be kept any longer. */
  tend(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#families.tend(nowMs)
    this.#metrics?.tend(nowMs)
  }

  /** By blueprint, calls that its versions answered since the process began. */
  calls(): ReadonlyMap<string, number> {
    return new Map([...this.#families.values()].map(f => [f.blueprint, f.standing.calls]))
  }

  /** Opens what sleeps of these families, one after the other; what cannot be opened sleeps on. */
  async prewarm(blueprints: readonly string[]): Promise<void> {
    for (const family of this.#families.named(blueprints)) {
      for (const origin of family.origins) {
        await origin.wake(this.#clock.monotonicMs()).catch(() => undefined)
      }
    }
  }

  /** Versions that are not asked at the moment, and why. */
  ejected(): readonly Ejected[] {
    return this.#breakers.ejected()
  }

  /** Sets a version aside until it is lifted, as one that was before this process began. */
  quarantine(model: string, version: number, because: string): void {
    this.#breakers.quarantine(model, version, this.#clock.monotonicMs(), because)
  }

  /** Asks a version again that was set aside. False when it was not. */
  lift(model: string, version: number): boolean {
    return this.#breakers.lift(model, version)
  }

  get residency(): ResidencyStatus {
    return this.#residency.status()
  }

  /**
   * Answers one request by exactly one version, or by the declared rule. Throws E_MODEL_UNKNOWN,
   * E_NAME, E_NOT_FOUND (version), E_NOT_SERVING, E_RATE, E_MODEL_BUSY, E_BUSY, E_DEADLINE,
   * E_DEADLINE_PAST, E_CANCELLED and what `readRequest` throws.
   */
  infer(request: InferRequest): Promise<Answer | TensorAnswer> {
    const span = currentSpan()
    if (!span?.isRecording) return this.#measured(request)
    return tracedInfer(span, request, () => this.#measured(request))
  }

  /** What a process at its limit says to a request whose body it has not read; counted as such. */
  turnAway(request: Pick<InferRequest, 'model' | 'priority'>): MusterError {
    const refusal = overLimit('refuse', request.priority ?? 'interactive')
    this.#metrics?.refused(refusal.code, 0, { ...request, body: undefined })
    return refusal
  }

  /** On the monotonic clock that deadlines are of. */
  get nowMs(): number {
    return this.#clock.monotonicMs()
  }

  async #measured(request: InferRequest): Promise<Answer | TensorAnswer> {
    const startedMs = this.#clock.monotonicMs()
    try {
      const answer = await this.#infer(request, startedMs)
      this.#metrics?.answered(answer, this.#sinceSeconds(startedMs))
      return answer
    } catch (error) {
      const refusal = asMusterError(error)
      this.#metrics?.refused(refusal.code, this.#sinceSeconds(startedMs), request)
      throw refusal
    }
  }

  /** As `infer`, by who knows that a family answers. */
  async inferRows(request: InferRequest): Promise<Answer> {
    const answer = await this.infer(request)
    assert(!('outputs' in answer), 'a family answers with a number a row')
    return answer
  }

  async #infer(request: InferRequest, startedMs: number): Promise<Answer | TensorAnswer> {
    const { priority = 'interactive' } = request
    if (this.strain !== 'none') admitUnder(this.strain, priority)
    // Before the body is read: what is refused has to cost less than what is answered.
    const full = fullLine(this.#total.rows, 1, this.limits.waitingRowsMax * shareOf[priority])
    if (full !== undefined) throw full
    const deadlineMs = this.#deadlineOf(request, startedMs)
    // A family that was declared under its name later has it: what is declared goes first.
    if (this.#imported?.has(request.model) && !this.#families.has(request.model)) {
      this.#tenants?.take(request.tenant ?? '', 1, startedMs)
      const { limits } = this
      const ask = {
        limits,
        deadlineMs,
        startedMs,
        nextReceipt: this.#nextReceipt,
        kept: this.#kept,
      }
      return inferImported(this.#imported, request, ask)
    }
    const to = this.#families.resolve(request.model)
    const family = to?.family ?? this.#families.familyOf(request.model)
    const { reader } = family
    const ask: Ask = { request, startedMs, deadlineMs, to, family, reader, key: undefined }
    if (to === undefined)
      return this.#standIns.answer(ask, nothingServes(request.model, family.blueprint))
    if (request.version !== undefined) checkVersion(request.model, request.version, to)
    const origin = family.origins[family.origin[to.member]!]!
    origin.lastMs = startedMs
    if (origin.ready === undefined) {
      const failure = await wakeFailure(origin.wake(startedMs))
      if (failure !== undefined) return this.#standIns.answer(ask, failure)
      return this.#infer(request, startedMs)
    }
    ask.reader = origin.ready.reader
    const read = readRequest(request, ask.reader, this.limits)
    this.#tenants?.take(request.tenant ?? '', read.rows, startedMs)
    // Before features are filled in: the same question has the same key when they cannot be had.
    if (family.standing.serving.cachedForMs !== undefined) ask.key = cacheKey(request.model, read)
    const given = await this.#calls.compute(request, deadlineMs, to, read)
    if (given === 'gone') return this.#infer(request, startedMs)
    if ('kind' in given) return this.#standIns.answer(ask, given, read)
    return this.#standIns.answerOf(ask, given)
  }

  /** The version of an imported model that would answer; undefined for other names. */
  imported(name: string, version?: string): ImportedModel | undefined {
    if (!this.#imported?.has(name) || this.#families.has(name)) return undefined
    return findImported(this.#imported, name, version)
  }

  /** What serves under `name`, of a family. Throws as `infer` does. */
  async metadata(name: string, version?: string): Promise<ModelMetadata> {
    const to = this.#families.resolve(name)
    if (to === undefined) throw nothingServes(name, this.#families.familyOf(name).blueprint).error
    if (version !== undefined) checkVersion(name, version, to)
    const { family, member, answeredBy, because } = to
    const { graph, block } = family.origins[family.origin[member]!]!
    const row = family.row[member]!
    const page = block.find(row) ?? (await block.read(row))
    const from = (row - page.firstRow) * block.width
    return {
      model: name,
      answeredBy,
      because,
      version: family.version[member]!,
      versionDigest: versionDigest(graph, answeredBy, page.rows.subarray(from, from + block.width)),
      purpose: family.purpose,
      signature: family.reader.signature,
      source: family.reader.source,
    }
  }

  /** What calls of a model of a family may bring. Throws as `infer` does for its name. */
  inputsOf(model: string): Pick<ModelMetadata, 'signature' | 'source'> {
    const { signature, source } = this.#familyOf(model).reader
    return { signature, source }
  }

  /** Members of full depth below a name, in order, at most `atMost`. Throws as `infer` does. */
  membersBelow(prefix: string, atMost: number): readonly string[] {
    return membersBelow(this.#familyOf(prefix), prefix, atMost)
  }

  /** Names that are graphs': who calls one like a model is told where it is. */
  nameGraphs(names: ReadonlySet<string>): void {
    this.#families.graphNames = names
  }

  #familyOf(model: string): Family {
    // Only the blueprint is asked for: a name that has no member of its own is told by `infer`.
    const dot = model.indexOf('.')
    const root = dot < 0 ? model : model.slice(0, dot)
    this.#families.resolve(root)
    return this.#families.familyOf(root)
  }

  list(): readonly FamilyStatus[] {
    return [...this.#families.values()].map(familyStatus)
  }

  /** Closes every session once its calls are answered. */
  close(): void {
    this.#families.close()
    this.#residency.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #deadlineOf({ deadlineMs, arrivedMs }: InferRequest, startedMs: number): number {
    return deadlineAtMs(deadlineMs, arrivedMs ?? startedMs, this.limits.deadlineMaxMs)
  }

  #sinceSeconds(startedMs: number): number {
    return (this.#clock.monotonicMs() - startedMs) / 1_000
  }
}
