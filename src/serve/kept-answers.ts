import type { Clock } from '../base/clock.ts'
import type { PredictionEntry, PredictionOrigin, Tensor } from '../fleet/index.ts'
import type { Answer, InferRequest } from './answer.ts'
import type { Family } from './family.ts'
import type { ImportedModel, TensorAnswer } from './imported.ts'
import type { InputReader } from './input-reader.ts'
import type { PredictionSink } from './prediction-sink.ts'
import type { Resolved } from './resolve.ts'
import type { ReadRequest } from './validate.ts'

/** What an answer was made from. */
export type AnswerSource = Pick<PredictionEntry, 'origin' | 'packRow' | 'cachedFrom'>

/** One request, as far as it is kept. */
export interface KeptAsk {
  readonly request: InferRequest
  readonly family: Family
  /** On the monotonic clock. */
  readonly startedMs: number
}

const noNumbers = new Float32Array(0)

/**
 * Leaves every answer with the sink before it goes out. What the answers of one graph and pack
 * share is put together once and is the same object from then on.
 */
export class KeptAnswers {
  readonly #sink: PredictionSink
  readonly #clock: Clock
  readonly #environment: string
  /** By whatever lives as long: an origin of a family, its declared serving, an imported model. */
  readonly #origins = new WeakMap<object, PredictionOrigin>()

  constructor(sink: PredictionSink, clock: Clock, environment: string) {
    this.#sink = sink
    this.#clock = clock
    this.#environment = environment
  }

  /** Resolves when the answer may go out; undefined: now. Throws as `PredictionSink.record`. */
  keep(
    { request, family, startedMs }: KeptAsk,
    answer: Answer,
    { rows, x }: ReadRequest,
    source: AnswerSource,
  ): Promise<void> | undefined {
    return this.#sink.record({
      receipt: answer.receipt,
      origin: source.origin,
      model: answer.model,
      answeredBy: answer.answeredBy,
      how: answer.how,
      version: answer.version,
      packRow: source.packRow,
      rows,
      x,
      values: answer.values,
      latencyMs: this.#clock.monotonicMs() - startedMs,
      caller: request.caller,
      tenant: request.tenant,
      requestId: request.requestId,
      cachedFrom: source.cachedFrom,
      lookups: answer.filled?.lookups,
      durable: family.standing.serving.durable,
    })
  }

  keepTensors(
    { request, startedMs }: Omit<KeptAsk, 'family'>,
    answer: Omit<TensorAnswer, 'outputs'>,
    model: ImportedModel,
    tensors: { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] },
  ): Promise<void> | undefined {
    return this.#sink.record({
      receipt: answer.receipt,
      origin: this.#once(model, () => ({
        environment: this.#environment,
        blueprint: model.name,
        generation: 0,
        graph: model.digest,
        pack: null,
        inputs: [],
        output: model.signature.outputs.map(({ name }) => name).join(', '),
      })),
      model: answer.model,
      answeredBy: answer.answeredBy,
      how: answer.how,
      version: answer.version,
      packRow: 0,
      rows: 1,
      x: noNumbers,
      values: noNumbers,
      latencyMs: this.#clock.monotonicMs() - startedMs,
      caller: request.caller,
      tenant: request.tenant,
      requestId: request.requestId,
      tensors,
      durable: false,
    })
  }

  sourceOf({ family, member }: Resolved): AnswerSource {
    const at = family.origins[family.origin[member]!]!
    const origin = this.#once(at, () => ({
      ...this.#about(family, at.ready?.reader ?? family.reader),
      graph: at.graph,
      pack: at.block.pack,
    }))
    return { origin, packRow: family.row[member]! }
  }

  ruleOf(family: Family, reader: InputReader): AnswerSource {
    const { serving } = family.standing
    const origin = this.#once(serving, () => ({
      ...this.#about(family, reader),
      graph: null,
      pack: null,
      rule: serving.rule,
    }))
    return { origin, packRow: 0 }
  }

  #about({ blueprint, generation }: Family, { signature, texts }: InputReader) {
    return {
      environment: this.#environment,
      blueprint,
      generation,
      inputs: signature.inputs.map(({ name, datatype }, i) => ({
        name,
        datatype,
        texts: texts[i],
      })),
      output: signature.output.name,
    }
  }

  #once(key: object, make: () => PredictionOrigin): PredictionOrigin {
    let origin = this.#origins.get(key)
    if (origin === undefined) {
      origin = make()
      this.#origins.set(key, origin)
    }
    return origin
  }
}

/** What was left out and could not be had is missing, and no zero. */
export function withoutGaps({ x, rows, gaps }: ReadRequest, inputs: number): void {
  for (const input of gaps?.inputs ?? []) {
    for (let row = 0; row < rows; row++) x[row * inputs + input] = Number.NaN
  }
}
