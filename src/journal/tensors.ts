import { createHash } from 'node:crypto'
import type { PredictedTensor, PredictionEntry } from '../fleet/index.ts'

/*
 * The tensors of an imported model, as JSON: numbers as the bytes that they were, so that they come
 * back to the bit. Family models never come here.
 */

/** A tensor with more is told by its digest: the journal is no store of images. */
const tensorBytesMax = 65_536

/** What is kept of one tensor. */
export interface KeptTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  /** Little-endian, as they lie in memory. */
  readonly base64?: string
  /** Of a tensor of texts, or whatever came as a list. */
  readonly list?: readonly unknown[]
  /** Of a tensor that is too large to be kept. */
  readonly sha256?: string
  readonly sizeBytes?: number
}

export interface KeptTensors {
  readonly inputs: readonly KeptTensor[]
  readonly outputs: readonly KeptTensor[]
}

export function tensorsJson(tensors: NonNullable<PredictionEntry['tensors']>): Uint8Array {
  const kept: KeptTensors = {
    inputs: tensors.inputs.map(keptTensor),
    outputs: tensors.outputs.map(keptTensor),
  }
  return Buffer.from(JSON.stringify(kept, (_name, value) => (isBig(value) ? `${value}` : value)))
}

function keptTensor({ name, datatype, shape, data }: PredictedTensor): KeptTensor {
  const about = { name, datatype, shape }
  if (ArrayBuffer.isView(data)) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    if (bytes.length <= tensorBytesMax) return { ...about, base64: bytes.toString('base64') }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { ...about, sha256, sizeBytes: bytes.length }
  }
  const hash = createHash('sha256')
  let sizeBytes = 0
  for (const value of data) {
    const text = String(value)
    sizeBytes += text.length
    hash.update(text).update('\0')
  }
  if (sizeBytes <= tensorBytesMax) return { ...about, list: data }
  return { ...about, sha256: hash.digest('hex'), sizeBytes }
}

function isBig(value: unknown): value is bigint {
  return typeof value === 'bigint'
}
