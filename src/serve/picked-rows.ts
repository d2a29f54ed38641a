import { MusterError } from '../base/errors.ts'
import type { InputReader } from './input-reader.ts'
import { type InputValues, namesOutside, ofColumn, placeNumber, placeText } from './input-values.ts'
import { checkDatatype, checkText } from './tensor-rows.ts'
import type { ReadRequest } from './validate.ts'

/** Some rows of columns that a request has for many models. */
export interface PickedRows {
  /** One for each input, in the order of the signature, a value a row of the request. */
  readonly columns: readonly PickedColumn[]
  /** At least one, within the columns. */
  readonly rows: readonly number[]
}

export interface PickedColumn {
  readonly name: string
  readonly datatype: string
  readonly data: readonly unknown[]
}

/**
 * The rows as a body with these columns would be read. Throws E_TENSOR_DATATYPE, E_TENSOR_DATA and
 * E_FEATURE_VALUE, naming the input; E_TENSOR_MISSING for a reader of another signature. Rows are
 * counted from the first of `rows`.
 */
export function readPicked({ columns, rows }: PickedRows, reader: InputReader): ReadRequest {
  const x = new Float32Array(rows.length * reader.count)
  const into: InputValues = { reader, x, outside: undefined }
  for (let input = 0; input < reader.count; input++) {
    const { name, datatype, data } = columnFor(reader, input, columns)
    const isText = reader.signature.inputs[input]!.datatype === 'BYTES'
    if (isText) checkText(name, datatype)
    else checkDatatype(name, datatype)
    for (let row = 0; row < rows.length; row++) {
      const value = ofColumn(data[rows[row]!])
      if (isText) placeText(into, row, input, value)
      else placeNumber(into, row, input, value)
    }
  }
  const outOfRange = namesOutside(into)
  const answer = { id: undefined, binaryOutput: false, gaps: undefined }
  return { ...answer, rows: rows.length, x, outOfRange }
}

function columnFor(
  { signature }: InputReader,
  input: number,
  columns: readonly PickedColumn[],
): PickedColumn {
  const { name } = signature.inputs[input]!
  const column = columns[input]
  if (column?.name === name) return column
  throw new MusterError('E_TENSOR_MISSING', `input \`${name}\` is missing`, { field: name })
}
