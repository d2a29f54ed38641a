import { MusterError } from '../base/errors.ts'
import { codeOfText, type InputReader } from './input-reader.ts'

/*
 * Where a value of a request becomes a number of `x`, whatever form it came in: the one place that
 * says what is missing, too large, of a wrong kind, or outside of what training saw.
 */

export interface InputValues {
  readonly reader: InputReader
  /** [rows, inputs], row-major. */
  readonly x: Float32Array
  /** Inputs with a value outside of what training saw; undefined when there is none. */
  outside: Set<number> | undefined
}

/**
 * The largest number that rounds to a finite float32: half a step above 3.4028234663852886e38,
 * exclusive.
 */
const float32Limit = 3.4028235677973366e38

/** Null is missing; what is not finite, in JSON or in float32 (`1e999` is JSON), is refused. */
export function placeNumber(
  into: InputValues,
  row: number,
  input: number,
  value: unknown,
  missingIs: 'null' | 'NaN' = 'null',
): void {
  const { reader, x } = into
  const at = row * reader.count + input
  if (typeof value === 'number' && value < float32Limit && value > -float32Limit) {
    x[at] = value
    if (x[at]! < reader.lows[input]! || x[at]! > reader.highs[input]!) seenOutside(into, input)
    return
  }
  if (value !== null || !reader.signature.inputs[input]!.mayBeMissing) {
    throw unusable(reader, row, input, { value, missingIs })
  }
  x[at] = Number.NaN
}

/** Of bytes, which have no null: NaN is missing there. */
export function placeFloat(into: InputValues, row: number, input: number, value: number): void {
  placeNumber(into, row, input, Number.isNaN(value) ? null : value, 'NaN')
}

/**
 * A category: its code in the graph that answers. A text that its training did not have is no
 * error: the graph does with it what the view says of unknown ones, and the answer names the input.
 * Null is missing, and so is an empty text, for binary tensors have no null.
 */
export function placeText(into: InputValues, row: number, input: number, value: unknown): void {
  const { reader, x } = into
  if (typeof value !== 'string' && value !== null) {
    throw wrongKind(reader, row, input, value, 'it is a category: send a text, or null if missing')
  }
  const at = row * reader.count + input
  x[at] = codeOfText(reader, input, value)
  if (x[at]! < reader.lows[input]!) seenOutside(into, input)
}

/** The protocol lets data stand nested as the shape says or flat; for [n, 1] that is [[1], [2]]. */
export function ofColumn(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value
}

function seenOutside(into: InputValues, input: number): void {
  into.outside ??= new Set()
  into.outside.add(input)
}

/** A value that is missing where nothing imputes, beyond float32, or no number. */
function unusable(
  reader: InputReader,
  row: number,
  input: number,
  { value, missingIs }: { readonly value: unknown; readonly missingIs: 'null' | 'NaN' },
): MusterError {
  if (value !== null && typeof value !== 'number') {
    return wrongKind(reader, row, input, value, 'send a number; null if missing')
  }
  const { name } = reader.signature.inputs[input]!
  const [what, hint] =
    value === null
      ? ['is missing', 'give a value: the feature view declares no `impute` for it']
      : [
          'is not a finite float32 number',
          `send a finite number below 3.4e38; ${missingIs} if missing`,
        ]
  return new MusterError('E_FEATURE_VALUE', `value ${row} of input \`${name}\` ${what}`, {
    field: name,
    hint,
  })
}

function wrongKind(
  reader: InputReader,
  row: number,
  input: number,
  value: unknown,
  hint: string,
): MusterError {
  const { name, datatype } = reader.signature.inputs[input]!
  const kind = Array.isArray(value) ? 'list' : typeof value
  const wanted = datatype === 'BYTES' ? 'text' : 'number'
  return new MusterError(
    'E_TENSOR_DATA',
    `value ${row} of input \`${name}\` is a ${kind}, not a ${wanted}`,
    { field: name, hint },
  )
}

/**
 * Inputs that an answer names as outside of what training saw: enough to see which, and a bound on
 * what a wide view adds to each answer.
 */
const namesOutOfRangeMax = 10

/** The names of both, as many as an answer tells. */
export function namesOutOfRange(
  sent: readonly string[] | undefined,
  filled: readonly string[] | undefined,
): readonly string[] | undefined {
  if (filled === undefined) return sent
  return [...new Set([...(sent ?? []), ...filled])].slice(0, namesOutOfRangeMax)
}

/** Of a request, in the order of the signature; undefined when there is none. */
export function namesOutside({ reader, outside }: InputValues): readonly string[] | undefined {
  if (outside === undefined) return undefined
  const inputs = [...outside].sort((a, b) => a - b).slice(0, namesOutOfRangeMax)
  return inputs.map(input => reader.signature.inputs[input]!.name)
}
