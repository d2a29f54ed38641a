import type { Digest } from '../base/digest.ts'
import type { ReceiptId } from '../base/ids.ts'

/*
 * What is kept of one answer. What many answers share stands once, in their origin: the same object
 * for as long as one generation of a family serves, so that recording an answer copies numbers and
 * a few short texts and nothing else.
 */

/** Who answered: the version that serves, or what the blueprint names for when it cannot. */
export type PredictedBy = 'itself' | 'ancestor' | 'previous' | 'cached' | 'rule'

/** What the answers of one graph and pack have in common. Compared by identity. */
export interface PredictionOrigin {
  readonly environment: string
  /** The first part of the model's name: an imported model's whole name. */
  readonly blueprint: string
  /** Of the routes that named the version. 0 where there are none: imported models. */
  readonly generation: number
  /** Where the parameters of the version stand; null for an imported model. */
  readonly pack: Digest | null
  /**
   * Of the ONNX bytes that ran; null for a rule. With the pack, the row and the name it gives the
   * version's.
   */
  readonly graph: Digest | null
  /** In the order of the columns of `x`; none of an imported model, which has tensors. */
  readonly inputs: readonly {
    readonly name: string
    readonly datatype: 'FP32' | 'BYTES'
    /** Texts by code, of a category. */
    readonly texts?: readonly string[] | undefined
  }[]
  readonly output: string
  /** The declared rule, of answers that are `rule`: a constant or CEL. */
  readonly rule?: string | number | undefined
}

/** A tensor of an imported model, as it went in or came out. */
export interface PredictedTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: ArrayBufferView | readonly (string | number | bigint | boolean)[]
}

/** Looked up values of one input: when each happened, by row; NaN where there was none. */
export interface PredictedLookup {
  /** Index in the inputs of the origin. */
  readonly input: number
  readonly eventMs: readonly number[]
}

/** One answer, as the data plane hands it over. Who takes it keeps and changes nothing of it. */
export interface PredictionEntry {
  /** Its first ten characters are the time of the answer. */
  readonly receipt: ReceiptId
  readonly origin: PredictionOrigin
  /** The model, as asked for. */
  readonly model: string
  /** The model whose version answered. */
  readonly answeredBy: string
  readonly how: PredictedBy
  /** Number of the version that answered; 0 of a rule. */
  readonly version: number
  /** Its row in the pack. */
  readonly packRow: number
  readonly rows: number
  /** [rows, inputs], row-major, as the graph got them: NaN is missing, a category is its code. */
  readonly x: Float32Array
  /** One number a row. */
  readonly values: Float32Array
  readonly latencyMs: number
  readonly caller?: string | undefined
  readonly tenant?: string | undefined
  readonly requestId?: string | undefined
  /** Of the answer that a cached one repeats. */
  readonly cachedFrom?: ReceiptId | undefined
  readonly lookups?: readonly PredictedLookup[] | undefined
  /** Of an imported model, in the place of `x` and `values`. */
  readonly tensors?:
    | { readonly inputs: readonly PredictedTensor[]; readonly outputs: readonly PredictedTensor[] }
    | undefined
  /** The answer may not go out before it is on disk. */
  readonly durable: boolean
}
