import {
  binaryValues,
  type Datatype,
  datatypeBytes,
  readBinaryValues,
  type Tensor,
} from '../fleet/index.ts'
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

export function writeTensors(to: PayloadWriter, tensors: readonly Tensor[]): PayloadWriter {
  to.u32(tensors.length)
  for (const { name, datatype, shape, data } of tensors) {
    to.text(name).u8(datatypes.indexOf(datatype)).u8(shape.length)
    for (const dimension of shape) to.f64(dimension)
    const bytes = binaryValues(data)
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
    const count = shape.reduce((product, each) => product * each, 1)
    const data = readBinaryValues(datatype, from.raw(from.u32()), count)
    if (data === undefined) throw new RangeError('a tensor has not the values of its shape')
    tensors.push({ name, datatype, shape, data })
  }
  return tensors
}
