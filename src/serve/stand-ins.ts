import type { Clock } from '../base/clock.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { Fallback } from '../spec/index.ts'
import { inSpan } from '../telemetry/index.ts'
import type { Answer, InferRequest } from './answer.ts'
import { AnswerCache, cacheKey } from './answer-cache.ts'
import { type Failure, standIns } from './fallback.ts'
import { previousOf } from './families.ts'
import type { Family } from './family.ts'
import type { InputReader } from './input-reader.ts'
import { type AnswerSource, type KeptAnswers, withoutGaps } from './kept-answers.ts'
import type { ServeLimits } from './limits.ts'
import { ancestorOf, type Resolved } from './resolve.ts'
import { ruleValues } from './rule-values.ts'
import { type ReadRequest, readRequest } from './validate.ts'
import type { Computed, VersionCalls } from './version-calls.ts'

/** One request on its way. */
export interface Ask {
  readonly request: InferRequest
  /** On the monotonic clock. */
  readonly startedMs: number
  readonly deadlineMs: number
  /** Undefined where no version serves, from the name up to the root. */
  readonly to: Resolved | undefined
  readonly family: Family
  /** By which the request is read: of the graph that was asked first, if it was open. */
  reader: InputReader
  /** In the cache; undefined where the family does not fall back on it, or nothing was read. */
  key: string | undefined
}

/** Puts answers into words, and finds who answers when the one who should cannot. */
export class StandIns {
  readonly #clock: Clock
  readonly #limits: ServeLimits
  readonly #calls: VersionCalls
  readonly #nextReceipt: () => ReceiptId
  readonly #kept: KeptAnswers | undefined
  readonly #cache = new AnswerCache()

  constructor(
    calls: VersionCalls,
    parts: {
      clock: Clock
      limits: ServeLimits
      nextReceipt: () => ReceiptId
      kept: KeptAnswers | undefined
    },
  ) {
    this.#calls = calls
    this.#clock = parts.clock
    this.#limits = parts.limits
    this.#nextReceipt = parts.nextReceipt
    this.#kept = parts.kept
  }

  /** Whoever the blueprint names for this failure, in its order; else the failure is told. */
  async answer(ask: Ask, failure: Failure, first?: ReadRequest): Promise<Answer> {
    const { request, family } = ask
    // A caller who asks for a version wants that one.
    if (request.version !== undefined) throw failure.error
    const order = standIns(family.standing.serving.fallback, failure.kind)
    if (order.length === 0) throw failure.error
    const read = first ?? readRequest(request, ask.reader, this.#limits)
    for (const name of order) {
      const answer = await this.#answerBy(name, ask, failure, read)
      if (answer !== undefined) return answer
    }
    throw failure.error
  }

  async #answerBy(
    name: Fallback,
    ask: Ask,
    { because }: Failure,
    read: ReadRequest,
  ): Promise<Answer | undefined> {
    const { to, request, family } = ask
    switch (name) {
      case 'previous': {
        const before = to && previousOf(to)
        const computed = before && (await this.#ask(ask, before))
        return computed && this.answerOf(ask, computed, { how: name, because })
      }
      case 'ancestor': {
        for (let at = to && ancestorOf(to); at !== undefined; at = ancestorOf(at)) {
          const computed = await this.#ask(ask, at)
          if (computed) return this.answerOf(ask, computed, { how: name, because })
        }
        return undefined
      }
      case 'cached': {
        const nowMs = this.#clock.monotonicMs()
        const { cachedForMs = 0 } = family.standing.serving
        const key = ask.key ?? cacheKey(request.model, read)
        const found = this.#cache.get(key, nowMs, cachedForMs)
        if (found === undefined) return undefined
        const { answeredBy, version, values, atMs, receipt } = found
        const ageMs = nowMs - atMs
        const given = { how: name, because, answeredBy, version, values, ageMs }
        const answer = this.#worded(ask, read, given)
        const source = found.source && { ...found.source, cachedFrom: receipt }
        withoutGaps(read, ask.reader.count)
        return this.#afterKeeping(ask, answer, read, source)
      }
      case 'rule': {
        const { rule } = family.standing
        const values = rule && ruleValues(rule, ask.reader, read)
        if (values === undefined) return undefined
        const answeredBy = request.model
        const given = { how: name, because, answeredBy, version: 0, values }
        const answer = this.#worded(ask, read, given)
        withoutGaps(read, ask.reader.count)
        return this.#afterKeeping(ask, answer, read, this.#kept?.ruleOf(family, ask.reader))
      }
      default:
        return name satisfies never
    }
  }

  /** Another version, with its own reading of the request; undefined when it cannot answer. */
  async #ask(ask: Ask, by: Resolved): Promise<Computed | undefined> {
    const origin = by.family.origins[by.family.origin[by.member]!]!
    const nowMs = this.#clock.monotonicMs()
    const ready = origin.ready ?? (await origin.wake(nowMs).catch(() => undefined))
    if (ready === undefined) return undefined
    let read: ReadRequest
    try {
      read = readRequest(ask.request, ready.reader, this.#limits)
    } catch {
      // The version before had another view, and the request was made for the one of now.
      return undefined
    }
    const given = await this.#calls.compute(ask.request, ask.deadlineMs, by, read)
    return given === 'gone' || 'kind' in given ? undefined : given
  }

  /** In words of the protocol: by the model asked for, or `instead` of it. */
  answerOf(
    ask: Ask,
    { by, read, values, outOfRange, filled }: Computed,
    instead?: Pick<Answer, 'how' | 'because'>,
  ): Answer | Promise<Answer> {
    const { family, member, answeredBy } = by
    const version = family.version[member]!
    const because = instead === undefined ? by.because : instead.because
    const how = instead?.how ?? (because === undefined ? 'itself' : 'ancestor')
    const given = { how, because, answeredBy, version, values, outOfRange, filled }
    const answer = this.#worded(ask, read, given)
    const source = this.#kept?.sourceOf(by)
    if (ask.key !== undefined && instead === undefined) {
      const { receipt } = answer
      const atMs = this.#clock.monotonicMs()
      const own = values.slice()
      this.#cache.put(ask.key, { answeredBy, version, receipt, values: own, atMs, source })
    }
    return this.#afterKeeping(ask, answer, read, source)
  }

  /** The answer, once it is where it has to be before it goes out. */
  #afterKeeping(
    ask: Ask,
    answer: Answer,
    read: ReadRequest,
    source: AnswerSource | undefined,
  ): Answer | Promise<Answer> {
    const durable = source && this.#kept?.keep(ask, answer, read, source)
    return durable === undefined ? answer : inSpan('journal', {}, () => durable.then(() => answer))
  }

  #worded(
    { request, family }: Ask,
    { id, binaryOutput }: ReadRequest,
    given: Pick<Answer, 'how' | 'because' | 'answeredBy' | 'version' | 'values'> &
      Partial<Pick<Answer, 'ageMs' | 'outOfRange' | 'filled'>>,
  ): Answer {
    const receipt = this.#nextReceipt()
    return {
      model: request.model,
      answeredBy: given.answeredBy,
      version: given.version,
      how: given.how,
      because: given.because,
      ageMs: given.ageMs,
      receipt,
      id: id ?? receipt,
      output: family.reader.signature.output.name,
      values: given.values,
      outOfRange: given.outOfRange,
      binaryOutput,
      filled: given.filled,
    }
  }
}
