import { MusterError } from '../base/errors.ts'
import type { Answer } from './answer.ts'
import { answerJson } from './answer-json.ts'
import { type InputValues, placeFloat } from './input-values.ts'

/*
 * The binary tensor extension of the Open Inference Protocol v2, both ways. The JSON comes first,
 * as long as `Inference-Header-Content-Length` says; behind it stand the values of those tensors
 * whose parameters have `binary_data_size`, in their order, without gaps, little endian. A missing
 * value is NaN there, since there is no null.
 */

/** The values behind the JSON, and how far they were read. */
export interface TensorBytes {
  readonly view: DataView
  at: number
}

export function tensorBytes(bytes: Uint8Array): TensorBytes {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 }
}

/**
 * Bytes of JSON that the header states. Throws E_TENSOR_BINARY for a header that is not a whole
 * number, or that goes past a body of `bodyBytes`.
 */
export function readJsonBytes(header: string | readonly string[], bodyBytes: number): number {
  const stated = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : -1
  if (stated >= 0 && stated <= bodyBytes) return stated
  const what = stated < 0 ? 'is not a whole number of bytes' : `is past the body of ${bodyBytes}`
  throw new MusterError('E_TENSOR_BINARY', `Inference-Header-Content-Length ${what}`, {
    field: 'Inference-Header-Content-Length',
    hint: 'give the bytes of the JSON that stands before the binary data',
  })
}

/** Whether the values of an input stand behind the JSON. */
export function isBinary(input: Record<string, unknown>): boolean {
  const parameters = input.parameters as { binary_data_size?: unknown } | null | undefined
  return parameters?.binary_data_size !== undefined
}

/**
 * How many values the next binary input has: its size over the width of its datatype, once those
 * bytes are seen to be there. Throws E_TENSOR_BINARY.
 */
export function countValues(
  name: string,
  input: Record<string, unknown>,
  tensors: TensorBytes | undefined,
): number {
  const size = (input.parameters as { binary_data_size: unknown }).binary_data_size
  if (input.data !== undefined) {
    throw wrongSize(name, 'has both `data` and `binary_data_size`')
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw wrongSize(name, 'has a `binary_data_size` that is not a whole number of bytes')
  }
  const left = tensors === undefined ? 0 : tensors.view.byteLength - tensors.at
  if (size > left) {
    throw wrongSize(name, `has a \`binary_data_size\` of ${size}, and the body has ${left} left`)
  }
  const width = input.datatype === 'FP64' ? 8 : 4
  if (size % width !== 0) {
    throw wrongSize(name, `has ${size} bytes, which is not a multiple of ${width}`)
  }
  return size / width
}

export function wrongSize(name: string, what: string): MusterError {
  return new MusterError('E_TENSOR_BINARY', `input \`${name}\` ${what}`, {
    field: name,
    hint:
      'send 4 bytes a value for FP32, 8 for FP64, for BYTES the length of each text in 4 bytes ' +
      'before it; and Inference-Header-Content-Length',
  })
}

/** Reads `rows` values of an input. */
export function readBinaryColumn(
  tensors: TensorBytes,
  wide: boolean,
  rows: number,
  input: number,
  into: InputValues,
): void {
  const { view } = tensors
  const width = wide ? 8 : 4
  let from = tensors.at
  for (let row = 0; row < rows; row++, from += width) {
    placeFloat(into, row, input, wide ? view.getFloat64(from, true) : view.getFloat32(from, true))
  }
  tensors.at = from
}

/** Throws E_TENSOR_BINARY when bytes are left that no input has. */
export function checkAllRead(tensors: TensorBytes): void {
  const left = tensors.view.byteLength - tensors.at
  if (left === 0) return
  throw new MusterError('E_TENSOR_BINARY', `the body has ${left} bytes that are of no input`, {
    hint: 'the `binary_data_size` of the inputs add up to what stands behind the JSON',
  })
}

/** An answer with its values behind the JSON. */
export function answerBytes(answer: Answer): {
  readonly jsonBytes: number
  readonly body: Buffer
} {
  const { values } = answer
  const json = answerJson(answer, `"parameters":{"binary_data_size":${values.length * 4}}`)
  const jsonBytes = Buffer.byteLength(json)
  const body = Buffer.allocUnsafe(jsonBytes + values.length * 4)
  body.write(json, 0, 'utf8')
  for (let i = 0; i < values.length; i++) body.writeFloatLE(values[i]!, jsonBytes + i * 4)
  return { jsonBytes, body }
}
