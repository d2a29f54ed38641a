import { MusterError } from '../base/errors.ts'
import { isBinary, type TensorBytes } from './binary-tensors.ts'
import { type InputReader, matrixName } from './input-reader.ts'
import { type InputValues, placeFloat, placeNumber } from './input-values.ts'
import type { ServeLimits } from './limits.ts'
import { checkDatatype, rowsOf } from './tensor-rows.ts'

/**
 * All inputs of a model in one tensor, where each could have one of its own. Throws E_TENSOR_*,
 * E_FEATURE_VALUE and E_TOO_LARGE, as for a tensor an input.
 */
export function readMatrix(
  input: Record<string, unknown>,
  tensors: TensorBytes | undefined,
  reader: InputReader,
  limits: ServeLimits,
): InputValues & { readonly rows: number } {
  checkDatatype(matrixName, input.datatype)
  const { count } = reader
  const rows = rowsOf(matrixName, input, tensors, limits, count)
  const into = { rows, reader, x: new Float32Array(rows * count), outside: undefined }
  if (isBinary(input)) readBytes(tensors!, input.datatype === 'FP64', rows, into)
  else readList(flatData(input.data as readonly unknown[], rows, count), rows, into)
  return into
}

function readList(data: readonly unknown[], rows: number, into: InputValues): void {
  const { count } = into.reader
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < count; column++, at++) placeNumber(into, row, column, data[at])
  }
}

function readBytes(tensors: TensorBytes, wide: boolean, rows: number, into: InputValues): void {
  const { view } = tensors
  const { count } = into.reader
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < count; column++) {
      const { at } = tensors
      placeFloat(into, row, column, wide ? view.getFloat64(at, true) : view.getFloat32(at, true))
      tensors.at = at + (wide ? 8 : 4)
    }
  }
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
