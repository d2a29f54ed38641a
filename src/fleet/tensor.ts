/*
 * Named arrays of the Open Inference Protocol v2, as they pass between the rims, the data plane and
 * the runners: what an imported model takes and gives, whatever its signature.
 */

/** Bytes of one element; BYTES has texts, each of its own length. */
export const datatypeBytes = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: undefined,
} as const satisfies Record<string, number | undefined>

export type Datatype = keyof typeof datatypeBytes

/**
 * BOOL: Uint8Array of 0 and 1. FP16: Uint16Array of the bits (IEEE 754 binary16). BYTES: texts,
 * since ONNX has strings and no other bytes.
 */
export type TensorData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | readonly string[]

export interface Tensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** Row-major, as many elements as the product of the shape. */
  readonly data: TensorData
}

/** What a model declares of one input or output. */
export interface TensorShape {
  readonly name: string
  readonly datatype: Datatype
  /** -1 for a dimension that varies; null when not even their number is declared. */
  readonly shape: readonly number[] | null
}

export interface TensorSignature {
  readonly inputs: readonly TensorShape[]
  readonly outputs: readonly TensorShape[]
}
