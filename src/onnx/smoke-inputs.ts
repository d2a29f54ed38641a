import type { Datatype, Tensor, TensorData, TensorShape, TensorSignature } from '../fleet/index.ts'

/*
 * Inputs made up for a model that comes without any: of its signature, of one row and of three, of
 * values that nearly every model takes. They show that it runs and ends, not that it is right.
 */

/** Elements of one made-up input: more, and a person has to say what it is for. */
const elementsMax = 4_194_304

/** Undefined when an input is too large to be made up. */
export function smokeInputs({
  inputs,
}: TensorSignature): readonly (readonly Tensor[])[] | undefined {
  const calls = [1, 3].map(rows => inputs.map(input => madeUp(input, rows)))
  const whole = calls.map(call => call.filter(tensor => tensor !== undefined))
  return whole.every((call, i) => call.length === calls[i]!.length) ? whole : undefined
}

function madeUp({ name, datatype, shape }: TensorShape, rows: number): Tensor | undefined {
  const sizes = (shape ?? [-1, 1]).map(dimension => (dimension === -1 ? rows : dimension))
  const count = sizes.reduce((product, each) => product * each, 1)
  if (count > elementsMax) return undefined
  return { name, datatype, shape: sizes, data: valuesOf(datatype, count) }
}

/** Small and different: 0.25, 0.5, 0.75, 1, ...; whole numbers 0 and 1, which index anything. */
function valuesOf(datatype: Datatype, count: number): TensorData {
  const fractions = (_: unknown, i: number) => ((i % 4) + 1) / 4
  const bits = (_: unknown, i: number) => i % 2
  const wide = (_: unknown, i: number) => BigInt(i % 2)
  const length = { length: count }
  switch (datatype) {
    case 'FP32':
      return Float32Array.from(length, fractions)
    case 'FP64':
      return Float64Array.from(length, fractions)
    case 'FP16': {
      // 0.25, 0.5, 0.75 and 1 in binary16.
      const halves = [0x3400, 0x3800, 0x3a00, 0x3c00]
      return Uint16Array.from(length, (_, i) => halves[i % 4]!)
    }
    case 'BYTES':
      return Array.from(length, () => 'a')
    case 'INT64':
      return BigInt64Array.from(Array.from(length, wide))
    case 'UINT64':
      return BigUint64Array.from(Array.from(length, wide))
    case 'INT32':
      return Int32Array.from(length, bits)
    case 'INT16':
      return Int16Array.from(length, bits)
    case 'INT8':
      return Int8Array.from(length, bits)
    case 'UINT32':
      return Uint32Array.from(length, bits)
    case 'UINT16':
      return Uint16Array.from(length, bits)
    case 'UINT8':
    case 'BOOL':
      return Uint8Array.from(length, bits)
    default:
      return datatype satisfies never
  }
}
