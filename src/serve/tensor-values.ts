import type { MusterError } from '../base/errors.ts'
import type { Datatype, TensorData } from '../fleet/index.ts'
import { float16Bits, float16Value } from './float16.ts'

/* The values of a tensor of any datatype, from JSON and to it. */

type Refuse = (index: number, what: string, hint?: string) => MusterError

interface Integers {
  readonly array: new (length: number) => Exclude<TensorData, readonly string[]>
  readonly min: number
  readonly max: number
}

/** Beyond 2^53 a JSON number is not exact; binary tensors are. */
const safe = Number.MAX_SAFE_INTEGER
const integers: { readonly [Type in Datatype]?: Integers } = {
  UINT8: { array: Uint8Array, min: 0, max: 255 },
  UINT16: { array: Uint16Array, min: 0, max: 65_535 },
  UINT32: { array: Uint32Array, min: 0, max: 4_294_967_295 },
  UINT64: { array: BigUint64Array, min: 0, max: safe },
  INT8: { array: Int8Array, min: -128, max: 127 },
  INT16: { array: Int16Array, min: -32_768, max: 32_767 },
  INT32: { array: Int32Array, min: -2_147_483_648, max: 2_147_483_647 },
  INT64: { array: BigInt64Array, min: -safe, max: safe },
}
const floatMax = { FP16: 65_504, FP32: 3.402_823_466_385_288_6e38, FP64: Number.MAX_VALUE } as const

/** `values` are flat. `refuse` makes the error for the value at an index. */
export function readJsonValues(
  datatype: Datatype,
  values: readonly unknown[],
  refuse: Refuse,
): TensorData {
  if (datatype === 'BYTES') {
    values.forEach((value, i) => {
      if (typeof value !== 'string') throw refuse(i, 'is not a text')
    })
    return values as readonly string[]
  }
  if (datatype === 'BOOL') {
    return Uint8Array.from(values, (value, i) => {
      if (typeof value !== 'boolean') throw refuse(i, 'is neither true nor false')
      return value ? 1 : 0
    })
  }
  const kind = integers[datatype]
  return kind ? readIntegers(kind, values, refuse) : readFloats(datatype, values, refuse)
}

function readIntegers(
  { array, min, max }: Integers,
  values: readonly unknown[],
  refuse: Refuse,
): TensorData {
  const into = new array(values.length) as unknown as (number | bigint)[]
  const isBig = array === BigInt64Array || array === BigUint64Array
  values.forEach((value, i) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw refuse(i, 'is no whole number')
    if (value < min || value > max) {
      const hint = isBig ? 'send it as a binary tensor' : undefined
      throw refuse(i, `is not from ${min} to ${max}`, hint)
    }
    into[i] = isBig ? BigInt(value) : value
  })
  return into as unknown as TensorData
}

/** null is NaN: a missing value, of which trees know what to make. */
function readFloats(datatype: Datatype, values: readonly unknown[], refuse: Refuse): TensorData {
  const max = floatMax[datatype as 'FP16']
  const read = (value: unknown, i: number) => {
    if (value === null) return Number.NaN
    if (typeof value !== 'number') throw refuse(i, 'is not a number')
    if (value > max || value < -max) throw refuse(i, `is too large for ${datatype}`)
    return value
  }
  if (datatype === 'FP32') return Float32Array.from(values, read)
  if (datatype === 'FP64') return Float64Array.from(values, read)
  return Uint16Array.from(values, (value, i) => float16Bits(read(value, i)))
}

/** The index of the first value that JSON has no form for; -1 when there is none. */
export function firstNotFinite(datatype: Datatype, data: TensorData): number {
  if (datatype === 'FP32' || datatype === 'FP64') {
    return (data as Float64Array).findIndex(value => !Number.isFinite(value))
  }
  if (datatype !== 'FP16') return -1
  return (data as Uint16Array).findIndex(bits => (bits & 0x7c00) === 0x7c00)
}

/** A JSON list, of finite values. A float32 is written as the double that it is. */
export function jsonValues(datatype: Datatype, data: TensorData): string {
  switch (datatype) {
    case 'BYTES':
      return JSON.stringify(data)
    case 'BOOL':
      return `[${Array.from(data as Uint8Array, value => value !== 0).join(',')}]`
    case 'FP16':
      return `[${Array.from(data as Uint16Array, float16Value).join(',')}]`
    default:
      return `[${(data as Float64Array).join(',')}]`
  }
}
