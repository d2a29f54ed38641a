import { MusterError } from '../base/errors.ts'
import { countValues, isBinary, type TensorBytes, wrongSize } from './binary-tensors.ts'
import type { RowValue } from './feature-source.ts'
import type { ServeLimits } from './limits.ts'

/* What a tensor says of itself: its datatype, and how many rows it has. */

/**
 * FP32, and FP64 because a JSON number is one and clients with float64 arrays name it so; both are
 * rounded to float32 as the training data was. Anything else is refused, whole numbers too: a
 * client that declares INT64 for a measure has mapped its columns otherwise than the view does.
 */
export function checkDatatype(name: string, datatype: unknown): void {
  if (datatype === 'FP32' || datatype === 'FP64') return
  const shown = typeof datatype === 'string' ? `\`${datatype.slice(0, 32)}\`` : 'absent'
  throw new MusterError('E_TENSOR_DATATYPE', `the datatype of input \`${name}\` is ${shown}`, {
    field: name,
    hint: 'send FP32; whole numbers are written as they are, e.g. 3',
  })
}

export function checkText(name: string, datatype: unknown): void {
  if (datatype === 'BYTES') return
  const shown = typeof datatype === 'string' ? `\`${datatype.slice(0, 32)}\`` : 'absent'
  throw new MusterError('E_TENSOR_DATATYPE', `the datatype of input \`${name}\` is ${shown}`, {
    field: name,
    hint: 'send BYTES: it is a category, whose values are texts',
  })
}

/**
 * The rows of `width` values that `shape` states, once the data is seen to have as many values.
 * Throws E_TENSOR_*, E_TOO_LARGE.
 */
export function rowsOf(
  name: string,
  input: Record<string, unknown>,
  tensors: TensorBytes | readonly RowValue[] | undefined,
  limits: ServeLimits,
  width = 1,
): number {
  const { shape, data } = input
  const rows = Array.isArray(shape) ? shape[0] : undefined
  const formed =
    Array.isArray(shape) &&
    (shape.length === 2 ? shape[1] === width : shape.length === 1 && width === 1) &&
    Number.isSafeInteger(rows) &&
    rows > 0
  if (!formed) {
    const form = width === 1 ? '[n, 1] or [n]' : `[n, ${width}]`
    throw new MusterError(
      'E_TENSOR_SHAPE',
      `the shape of input \`${name}\` is ${shownShape(shape)}; it is ${form}, n at least 1`,
      { field: name },
    )
  }
  if (isBinary(input)) {
    const values = isRead(tensors) ? tensors.length : countValues(name, input, tensors)
    if (values !== rows * width) {
      throw wrongSize(name, `has ${values} binary values, its shape says ${rows * width}`)
    }
  } else checkLength(name, data, rows, width, limits)
  if (rows > limits.rowsPerRequestMax) {
    throw new MusterError(
      'E_TOO_LARGE',
      `the request has ${rows} rows; a request may have ${limits.rowsPerRequestMax}`,
      { field: name, hint: `send ${limits.rowsPerRequestMax} rows at a time` },
    )
  }
  return rows
}

function isRead(
  values: TensorBytes | readonly RowValue[] | undefined,
): values is readonly RowValue[] {
  return Array.isArray(values)
}

function checkLength(
  name: string,
  data: unknown,
  rows: number,
  width: number,
  limits: ServeLimits,
): void {
  if (!Array.isArray(data)) {
    throw new MusterError('E_TENSOR_DATA', `input \`${name}\` has no \`data\` list`, {
      field: name,
      hint: 'send the values in `data`',
    })
  }
  // Flat, or nested as the shape says: of one column both are a value a row.
  if (data.length === rows * width || (data.length === rows && Array.isArray(data[0]))) return
  const [what, wanted] = Array.isArray(data[0]) ? ['rows', rows] : ['values', rows * width]
  throw new MusterError(
    rows > limits.rowsPerRequestMax ? 'E_TENSOR_SHAPE' : 'E_TENSOR_DATA',
    `input \`${name}\` has ${data.length} ${what}, its shape says ${wanted}`,
    { field: name },
  )
}

function shownShape(shape: unknown): string {
  if (!Array.isArray(shape)) return 'absent'
  const shown = JSON.stringify(shape.slice(0, 4)).slice(0, 64)
  return shape.length > 4 ? `${shown.slice(0, -1)},...]` : shown
}
