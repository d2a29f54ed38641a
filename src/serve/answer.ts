import type { Digest } from '../base/digest.ts'
import type { ReceiptId } from '../base/ids.ts'
import type { Priority } from '../base/priority.ts'
import type { Signature } from '../fleet/index.ts'
import type { Fallback } from '../spec/index.ts'
import type { FeatureSource } from './feature-source.ts'
import type { Filled } from './fill.ts'
import type { PickedRows } from './picked-rows.ts'

/* What goes into the data plane and comes out of it, whatever carries it. */

export interface InferRequest {
  readonly model: string
  /** Only this version, when given; then no ancestor answers in its place. */
  readonly version?: string | undefined
  /**
   * Milliseconds from now in which the answer is of use. Not run when they pass before its turn.
   */
  readonly deadlineMs?: number | undefined
  /** From when the deadline counts, on the monotonic clock. Absent: from the call. */
  readonly arrivedMs?: number | undefined
  /** The parsed JSON body of an Open Inference Protocol v2 `infer` call. */
  readonly body?: unknown
  /** In place of a body: rows out of those of a request for many models. */
  readonly picked?: PickedRows | undefined
  /** Who asks, as the rim knows it; for the journal. */
  readonly caller?: string | undefined
  /** Whose share of the server it counts against. Undefined: those who name no tenant, together. */
  readonly tenant?: string | undefined
  /** Default: interactive. What is lower waits for what is higher, and is shed first. */
  readonly priority?: Priority | undefined
  /** Of the rim, as logs and traces have it. */
  readonly requestId?: string | undefined
  /** Aborted when nobody waits for the answer any more: it is then not run. */
  readonly signal?: { readonly aborted: boolean } | undefined
  /** What stands behind the JSON: values of the inputs that have a `binary_data_size`. */
  readonly tensors?: Uint8Array | undefined
}

export type { Priority } from '../base/priority.ts'

/**
 * `itself`: the model's version that serves. `ancestor`: its nearest ancestor that could. Else what
 * the blueprint names for when both fail: its version `previous`ly served, the newest answer to the
 * same inputs, or the declared rule.
 */
export type AnsweredHow = 'itself' | Fallback

export interface Answer {
  /** The model, as asked for. */
  readonly model: string
  readonly answeredBy: string
  /** The version of the one that answered. */
  readonly version: number
  readonly how: AnsweredHow
  /** Why the model's own version did not answer; undefined when it did. */
  readonly because: string | undefined
  /** Since it was computed; undefined unless `how` is `cached`. */
  readonly ageMs?: number | undefined
  readonly receipt: ReceiptId
  /** The caller's, else the receipt. */
  readonly id: string
  readonly output: 'prediction' | 'probability'
  /** One finite number a row. */
  readonly values: Float32Array
  /**
   * Inputs, at most ten, with a value outside of what the family was trained on; undefined when
   * there is none.
   */
  readonly outOfRange: readonly string[] | undefined
  /** Whether the caller wants the values as bytes behind the JSON. */
  readonly binaryOutput: boolean
  /** Of inputs that the caller left out; undefined when all were sent. */
  readonly filled: Filled | undefined
}

export interface ModelMetadata {
  readonly model: string
  readonly answeredBy: string
  readonly because: string | undefined
  readonly version: number
  /** Computed now from the bytes that answer, so that it can be held against the registry's. */
  readonly versionDigest: Digest
  readonly purpose: string
  readonly signature: Signature
  readonly source: FeatureSource | undefined
}

export interface FamilyStatus {
  readonly blueprint: string
  readonly generation: number
  readonly purpose: string
  readonly serving: number
  readonly inherited: number
  /** Names, routes and reasons; without parameters. */
  readonly indexBytes: number
  readonly parameterBytes: number
  /** Of those, in memory now. */
  readonly residentBytes: number
}
