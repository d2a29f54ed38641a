import { MusterError } from '../base/errors.ts'
import { isBinary, type TensorBytes } from './binary-tensors.ts'
import { float32Limit, type InputReader, matrixName, unusableValue } from './input-reader.ts'
import type { ServeLimits } from './limits.ts'
import { checkDatatype, rowsOf } from './tensor-rows.ts'

/* All inputs of a model in one tensor, where each input could have one of its own. */

export interface Matrix {
  readonly rows: number
  /** [rows, inputs]. */
  readonly x: Float32Array
  /** Columns with a value outside of what training saw; undefined when there is none. */
  readonly outside: ReadonlySet<number> | undefined
}

/** Throws E_TENSOR_*, E_FEATURE_VALUE and E_TOO_LARGE, as for a tensor an input. */
export function readMatrix(
  input: Record<string, unknown>,
  tensors: TensorBytes | undefined,
  reader: InputReader,
  limits: ServeLimits,
): Matrix {
  checkDatatype(matrixName, input.datatype)
  const rows = rowsOf(matrixName, input, tensors, limits, reader.count)
  const into: Into = { reader, x: new Float32Array(rows * reader.count), outside: undefined }
  if (isBinary(input)) readBytes(tensors!, input.datatype === 'FP64', into)
  else readList(flatData(input.data as readonly unknown[], rows, reader.count), into)
  return { rows, x: into.x, outside: into.outside }
}

interface Into {
  readonly reader: InputReader
  readonly x: Float32Array
  outside: Set<number> | undefined
}

/** The protocol lets data stand flat or in a list for each row. */
function flatData(data: readonly unknown[], rows: number, count: number): readonly unknown[] {
  if (!Array.isArray(data[0])) return data
  const wrong = data.findIndex(row => !Array.isArray(row) || row.length !== count)
  if (wrong < 0 && data.length === rows) return data.flat()
  throw new MusterError(
    'E_TENSOR_DATA',
    `row ${Math.max(0, wrong)} of \`${matrixName}\` is no list of ${count} values`,
    { field: matrixName, hint: 'give every row a list, or all values in one' },
  )
}

function readList(data: readonly unknown[], into: Into): void {
  for (let at = 0, column = 0; at < data.length; at++, column++) {
    if (column === into.reader.count) column = 0
    const value = data[at]
    if (typeof value !== 'number' && value !== null) throw noNumber(into.reader, at, value)
    place(into, at, column, value)
  }
}

function readBytes(tensors: TensorBytes, wide: boolean, into: Into): void {
  const { view } = tensors
  const width = wide ? 8 : 4
  let from = tensors.at
  for (let at = 0, column = 0; at < into.x.length; at++, column++, from += width) {
    if (column === into.reader.count) column = 0
    const value = wide ? view.getFloat64(from, true) : view.getFloat32(from, true)
    // There is no null in bytes: NaN is a missing value.
    place(into, at, column, Number.isNaN(value) ? null : value)
  }
  tensors.at = from
}

function place(into: Into, at: number, column: number, value: number | null): void {
  const { reader, x } = into
  if (value !== null && value < float32Limit && value > -float32Limit) {
    x[at] = value
    if (x[at]! >= reader.lows[column]! && x[at]! <= reader.highs[column]!) return
    into.outside ??= new Set()
    into.outside.add(column)
    return
  }
  const { name, mayBeMissing } = reader.signature.inputs[column]!
  if (value !== null || !mayBeMissing) {
    throw unusableValue(name, Math.floor(at / reader.count), value)
  }
  x[at] = Number.NaN
}

function noNumber(reader: InputReader, at: number, value: unknown): MusterError {
  const { name } = reader.signature.inputs[at % reader.count]!
  const row = Math.floor(at / reader.count)
  const kind = Array.isArray(value) ? 'list' : typeof value
  return new MusterError('E_TENSOR_DATA', `row ${row} of input \`${name}\` is a ${kind}`, {
    field: name,
    hint: 'send numbers; null where a value is missing',
  })
}
