import { type Datatype, datatypeBytes, type Tensor, type TensorData } from '../fleet/index.ts'
import type { PayloadReader, PayloadWriter } from './frame.ts'

/*
 * Tensors in a frame:
 *
 * ```
 * tensors := count u32 | tensor ...
 * tensor  := name text | datatype u8 | rank u8 | dimension f64 ... | bytes u32 | values
 * values  := little endian, row-major; of BYTES each a text
 * ```
 */

const datatypes = Object.keys(datatypeBytes) as readonly Datatype[]
const rankMax = 32

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

export function writeTensors(to: PayloadWriter, tensors: readonly Tensor[]): PayloadWriter {
  to.u32(tensors.length)
  for (const { name, datatype, shape, data } of tensors) {
    to.text(name).u8(datatypes.indexOf(datatype)).u8(shape.length)
    for (const dimension of shape) to.f64(dimension)
    const bytes = bytesOf(data)
    to.u32(bytes.length).raw(bytes)
  }
  return to
}

/** Bytes of the values of tensors, for bounds. */
export function tensorBytes(tensors: readonly Tensor[]): number {
  let bytes = 0
  for (const { data } of tensors) {
    if (ArrayBuffer.isView(data)) bytes += data.byteLength
    else for (const text of data) bytes += 4 + text.length * 3
  }
  return bytes
}

/** Throws RangeError for what is not of this form. */
export function readTensors(from: PayloadReader): readonly Tensor[] {
  const count = from.u32()
  const tensors: Tensor[] = []
  for (let i = 0; i < count; i++) {
    const name = from.text()
    const datatype = datatypes[from.u8()]
    const rank = from.u8()
    if (datatype === undefined || rank > rankMax) throw new RangeError('no such datatype or rank')
    const shape = Array.from({ length: rank }, () => from.f64())
    const values = from.raw(from.u32())
    tensors.push({ name, datatype, shape, data: dataOf(datatype, values) })
  }
  return tensors
}

function bytesOf(data: TensorData): Uint8Array {
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

function dataOf(datatype: Datatype, values: Buffer): TensorData {
  if (datatype !== 'BYTES') {
    const array = arrays[datatype]
    // A copy, since a view would have to begin at a multiple of its width.
    const own = new Uint8Array(values).buffer
    return new array(own)
  }
  const texts: string[] = []
  for (let at = 0; at < values.length; ) {
    const end = at + 4 + values.readUInt32LE(at)
    if (end > values.length) throw new RangeError('a text ends past its tensor')
    texts.push(values.toString('utf8', at + 4, end))
    at = end
  }
  return texts
}
