import { type Datatype, datatypeBytes, type TensorData } from './tensor.ts'

/*
 * The values of a tensor as bytes, as the binary tensor extension of the Open Inference Protocol v2
 * has them: row-major, little endian, of BYTES each text behind its length in four bytes.
 */

const arrays = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const

/** Undefined when the bytes are not those of `count` values. */
export function readBinaryValues(
  datatype: Datatype,
  bytes: Uint8Array,
  count: number,
): TensorData | undefined {
  if (datatype !== 'BYTES') {
    if (bytes.length !== count * datatypeBytes[datatype]) return undefined
    // A copy, since a view would have to begin at a multiple of its width.
    return new arrays[datatype](Uint8Array.from(bytes).buffer)
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const texts: string[] = []
  let at = 0
  while (at + 4 <= buffer.length) {
    const end = at + 4 + buffer.readUInt32LE(at)
    if (end > buffer.length) return undefined
    texts.push(buffer.toString('utf8', at + 4, end))
    at = end
  }
  return at === buffer.length && texts.length === count ? texts : undefined
}

export function binaryValues(data: TensorData): Uint8Array {
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  return Buffer.concat(
    data.flatMap(text => {
      const utf8 = Buffer.from(text, 'utf8')
      const length = Buffer.allocUnsafe(4)
      length.writeUInt32LE(utf8.length)
      return [length, utf8]
    }),
  )
}
