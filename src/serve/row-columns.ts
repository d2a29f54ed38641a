import { MusterError } from '../base/errors.ts'
import { isBinary, type TensorBytes, wrongSize } from './binary-tensors.ts'
import type { RowColumn, RowValue } from './feature-source.ts'

/*
 * Tensors of an `infer` call that hold columns of the row and not inputs of the graph: what is
 * computed or looked up follows from them. Here only the kind of a value is checked; whether it is
 * of the column's own type is for whoever has declared that.
 */

const numbers = /^(?:FP(?:32|64)|U?INT(?:8|16|32|64))$/

/** Throws E_TENSOR_DATATYPE when values of this datatype cannot be of the column. */
export function checkRowDatatype(column: RowColumn, datatype: unknown): void {
  const { name } = column
  const fits =
    typeof datatype === 'string' &&
    (column.datatype === 'BYTES' || column.datatype === 'BOOL'
      ? datatype === column.datatype
      : numbers.test(datatype))
  if (fits) return
  const shown = typeof datatype === 'string' ? `\`${datatype.slice(0, 32)}\`` : 'absent'
  throw new MusterError('E_TENSOR_DATATYPE', `the datatype of column \`${name}\` is ${shown}`, {
    field: name,
    hint: `send ${column.datatype}: it is ${column.type}`,
  })
}

/** Values of a column from JSON, whose length was checked. */
export function readRowColumn(column: RowColumn, data: readonly unknown[]): readonly RowValue[] {
  return data.map((given, index) => {
    const value = Array.isArray(given) && given.length === 1 ? (given[0] as unknown) : given
    if (value === null) return null
    const kind = typeof value
    const fits =
      column.datatype === 'BYTES'
        ? kind === 'string'
        : column.datatype === 'BOOL'
          ? kind === 'boolean'
          : kind === 'number' && Number.isFinite(value)
    if (fits) return value as RowValue
    throw new MusterError(
      'E_TENSOR_DATA',
      `value ${index} of column \`${column.name}\` is ${Array.isArray(value) ? 'a list' : `${kind === 'number' ? 'not finite' : `a ${kind}`}`}`,
      { field: column.name, hint: `it is ${column.type}; null if missing` },
    )
  })
}

type Read = (view: DataView, at: number) => RowValue
const readers: Readonly<Record<string, readonly [bytes: number, read: Read]>> = {
  FP32: [4, (view, at) => view.getFloat32(at, true)],
  FP64: [8, (view, at) => view.getFloat64(at, true)],
  INT8: [1, (view, at) => view.getInt8(at)],
  INT16: [2, (view, at) => view.getInt16(at, true)],
  INT32: [4, (view, at) => view.getInt32(at, true)],
  INT64: [8, (view, at) => view.getBigInt64(at, true)],
  UINT8: [1, (view, at) => view.getUint8(at)],
  UINT16: [2, (view, at) => view.getUint16(at, true)],
  UINT32: [4, (view, at) => view.getUint32(at, true)],
  UINT64: [8, (view, at) => view.getBigUint64(at, true)],
  BOOL: [1, (view, at) => view.getUint8(at) !== 0],
}

/**
 * The next binary tensor: numbers without gaps, or texts with their length in four bytes before
 * each. Throws E_TENSOR_BINARY. NaN is missing, for there is no null.
 */
export function readBinaryRowColumn(
  input: Readonly<Record<string, unknown>>,
  tensors: TensorBytes | undefined,
): readonly RowValue[] {
  const name = String(input.name)
  const size = (input.parameters as { binary_data_size: unknown }).binary_data_size
  const left = tensors === undefined ? 0 : tensors.view.byteLength - tensors.at
  if (input.data !== undefined || !Number.isSafeInteger(size) || Number(size) < 0) {
    throw wrongSize(name, 'has `data` too, or a `binary_data_size` that is no number of bytes')
  }
  if (tensors === undefined || Number(size) > left) {
    throw wrongSize(name, `has a \`binary_data_size\` of ${size}, and the body has ${left} left`)
  }
  const from = tensors.at
  const to = from + Number(size)
  tensors.at = to
  if (input.datatype === 'BYTES') return readTexts(name, tensors.view, from, to)
  const [bytes, read] = readers[String(input.datatype)]!
  if (Number(size) % bytes !== 0) {
    throw wrongSize(name, `has ${size} bytes, which is not a multiple of ${bytes}`)
  }
  return Array.from({ length: Number(size) / bytes }, (_, i) => {
    const value = read(tensors.view, from + i * bytes)
    return Number.isNaN(value) ? null : value
  })
}

/**
 * Columns that were sent as inputs of the graph are read once more as what they are: a station's
 * number names it, and its float32 need not. Called only when something is left out.
 */
export function readShared(
  inputs: readonly unknown[],
  tensors: TensorBytes | undefined,
  shared: ReadonlyMap<string, RowColumn> | undefined,
  into: Map<string, readonly RowValue[]>,
): void {
  if (shared === undefined || shared.size === 0) return
  const again = tensors === undefined ? undefined : { view: tensors.view, at: 0 }
  for (const input of inputs as readonly Record<string, unknown>[]) {
    const column = shared.get(String(input.name))
    const values = isBinary(input) ? readBinaryRowColumn(input, again) : undefined
    if (column === undefined) continue
    checkRowDatatype(column, input.datatype)
    into.set(column.name, values ?? readRowColumn(column, input.data as readonly unknown[]))
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function readTexts(name: string, view: DataView, from: number, to: number): readonly string[] {
  const texts: string[] = []
  for (let at = from; at < to; ) {
    const bytes = at + 4 <= to ? view.getUint32(at, true) : Number.POSITIVE_INFINITY
    if (at + 4 + bytes > to) throw wrongSize(name, 'has a text that is cut off')
    try {
      texts.push(utf8.decode(new Uint8Array(view.buffer, view.byteOffset + at + 4, bytes)))
    } catch {
      throw new MusterError('E_TENSOR_DATA', `a text of column \`${name}\` is not UTF-8`, {
        field: name,
      })
    }
    at += 4 + bytes
  }
  return texts
}
