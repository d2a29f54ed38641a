import { MusterError } from '../base/errors.ts'
import {
  checkAllRead,
  countValues,
  isBinary,
  readBinaryColumn,
  type TensorBytes,
  tensorBytes,
  wrongSize,
} from './binary-tensors.ts'
import type { RowValue } from './feature-source.ts'
import { bodyMembers } from './infer-members.ts'
import { float32Limit, type InputReader, unusableValue } from './input-reader.ts'
import type { ServeLimits } from './limits.ts'
import { checkRowDatatype, readBinaryRowColumn, readRowColumn, readShared } from './row-columns.ts'
import { checkText, readTextColumn } from './text-column.ts'

/*
 * The body of an Open Inference Protocol v2 `infer` call, to the columns that a graph reads. By
 * hand and not by a schema: ONNX Runtime takes NaN and ignores extra inputs silently (so everything
 * must be refused here), every refusal must name the input, and nothing may be allocated by a shape
 * that the data does not back.
 */

export interface ReadRequest {
  readonly id: string | undefined
  readonly rows: number
  /** [rows, inputs], row-major, in the order of the signature. */
  readonly x: Float32Array
  /** Inputs with a value outside of what training saw; undefined when there is none. */
  readonly outOfRange: readonly string[] | undefined
  /** Whether the values of the answer are to stand behind its JSON. */
  readonly binaryOutput: boolean
  /** Set when inputs were left out that the family's feature source has. */
  readonly gaps: Gaps | undefined
}

/** The inputs that a request leaves out, and what it says of its rows instead. */
export interface Gaps {
  /** Their indexes; they are still to be written into `x`. */
  readonly inputs: readonly number[]
  readonly columns: ReadonlyMap<string, readonly RowValue[]>
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

/**
 * Reads `body`, and `tensors` for the inputs whose values stand there. Throws E_USAGE, E_TENSOR_*
 * (naming the input), E_FEATURE_VALUE for a value that is not finite, too large for float32, or
 * missing where the view does not impute; E_TOO_LARGE above the row limit.
 */
export function readInferBody(
  body: unknown,
  reader: InputReader,
  limits: ServeLimits,
  tensors?: Uint8Array,
): ReadRequest {
  if (!isObject(body)) throw new MusterError('E_USAGE', 'the body is not a JSON object')
  for (const member in body) {
    if (bodyMembers.has(member)) continue
    throw new MusterError('E_USAGE', `the body has a member \`${member}\` that is not read`, {
      field: member,
      hint: `use ${[...bodyMembers].join(', ')}`,
    })
  }
  const { id, inputs } = body
  readId(id, limits)
  const binaryOutput = readOutputs(body, reader.signature.output.name)
  if (!Array.isArray(inputs)) {
    throw new MusterError('E_TENSOR_MISSING', '`inputs` is not a list of tensors', {
      field: 'inputs',
      hint: listInputs(reader),
    })
  }
  const binary = tensors === undefined ? undefined : tensorBytes(tensors)
  const { rows, x, outOfRange, gaps } = readInputs(inputs, binary, reader, limits)
  if (binary !== undefined) checkAllRead(binary)
  return { id: id as string | undefined, rows, x, outOfRange, binaryOutput, gaps }
}

function readInputs(
  inputs: readonly unknown[],
  tensors: TensorBytes | undefined,
  reader: InputReader,
  limits: ServeLimits,
): Pick<ReadRequest, 'rows' | 'x' | 'outOfRange' | 'gaps'> {
  const { count, seen } = reader
  reader.stamp = reader.stamp === 0xffff_ffff ? 1 : reader.stamp + 1
  const stamp = reader.stamp
  let rows = -1
  let x: Float32Array | undefined
  let outOfRange: string[] | undefined
  let columns: Map<string, readonly RowValue[]> | undefined
  for (const input of inputs) {
    if (!isObject(input)) {
      throw new MusterError('E_TENSOR_DATA', 'an input is not an object', { field: 'inputs' })
    }
    const rowColumn = reader.rowColumns?.get(input.name as string)
    if (rowColumn !== undefined) {
      columns ??= new Map()
      if (columns.has(rowColumn.name)) throw twice(rowColumn.name)
      checkRowDatatype(rowColumn, input.datatype)
      const values = isBinary(input) ? readBinaryRowColumn(input, tensors) : undefined
      rows = sameRows(
        rowColumn.name,
        rowsOf(rowColumn.name, input, values ?? tensors, limits),
        rows,
      )
      columns.set(rowColumn.name, values ?? readRowColumn(rowColumn, input.data as unknown[]))
      continue
    }
    const column = columnOf(input, inputs, reader)
    const name = input.name as string
    if (seen[column] === stamp) throw twice(name)
    seen[column] = stamp
    const isText = reader.signature.inputs[column]!.datatype === 'BYTES'
    if (isText) checkText(name, input.datatype)
    else checkDatatype(name, input.datatype)
    const texts = isText && isBinary(input) ? readBinaryRowColumn(input, tensors) : undefined
    rows = sameRows(name, rowsOf(name, input, texts ?? tensors, limits), rows)
    // After the length of the data was seen to be what the shape says, so that no shape alone can
    // ask for memory.
    x ??= new Float32Array(rows * count)
    const into = { reader, column, x }
    const outside = isText
      ? readTextColumn(texts ?? (input.data as readonly unknown[]), into)
      : isBinary(input)
        ? readBinaryColumn(tensors!, input.datatype === 'FP64', rows, into)
        : readColumn(input.data as readonly unknown[], reader, column, x)
    if (!outside) continue
    outOfRange ??= []
    if (outOfRange.length < namesOutOfRangeMax) outOfRange.push(name)
  }
  if (inputs.length - (columns?.size ?? 0) === count)
    return { rows, x: x!, outOfRange, gaps: undefined }
  const gaps = gapsOf(reader, stamp)
  // With nothing sent, everything follows from the name: one row.
  if (rows < 0) rows = 1
  columns ??= new Map()
  readShared(inputs, tensors, reader.sharedColumns, columns)
  x ??= new Float32Array(rows * count)
  return { rows, x, outOfRange, gaps: { inputs: gaps, columns } }
}

/** The inputs that were not sent. Throws E_TENSOR_MISSING unless all of them can be had. */
function gapsOf(reader: InputReader, stamp: number): readonly number[] {
  const gaps: number[] = []
  for (let column = 0; column < reader.count; column++) {
    if (reader.seen[column] === stamp) continue
    if (reader.source?.follows[column] === undefined) throw missing(reader, stamp)
    gaps.push(column)
  }
  return gaps
}

function twice(name: string): MusterError {
  return new MusterError('E_TENSOR_DUPLICATE', `input \`${name}\` is given twice`, { field: name })
}

function sameRows(name: string, length: number, before: number): number {
  if (before < 0 || length === before) return length
  throw new MusterError(
    'E_TENSOR_SHAPE',
    `input \`${name}\` has ${length} rows, those before it have ${before}`,
    { field: name, hint: 'give every input the same number of rows' },
  )
}

function columnOf(
  input: Record<string, unknown>,
  inputs: readonly unknown[],
  reader: InputReader,
): number {
  const { name, shape } = input
  if (typeof name !== 'string') {
    throw new MusterError('E_TENSOR_UNKNOWN', 'an input has no name', { hint: listInputs(reader) })
  }
  const column = reader.columns.get(name)
  if (column !== undefined) return column
  const matrix = inputs.length === 1 && Array.isArray(shape) && shape[1] === reader.count
  const shown = name.slice(0, 128)
  throw new MusterError('E_TENSOR_UNKNOWN', `\`${shown}\` is not an input of this model`, {
    field: shown,
    hint: matrix
      ? `send one input of shape [n, 1] for each column; ${listInputs(reader)}`
      : listInputs(reader),
  })
}

function missing(reader: InputReader, stamp: number): MusterError {
  const names = reader.signature.inputs
    .filter((_, i) => reader.seen[i] !== stamp && reader.source?.follows[i] === undefined)
    .map(input => input.name)
  const listed = names.map(name => `\`${name}\``).join(', ')
  return new MusterError(
    'E_TENSOR_MISSING',
    names.length === 1 ? `input ${listed} is missing` : `inputs ${listed} are missing`,
    { field: names[0]!, hint: listInputs(reader) },
  )
}

/**
 * FP32, and FP64 because a JSON number is one and clients with float64 arrays name it so; both are
 * rounded to float32 as the training data was. Anything else is refused, whole numbers too: a
 * client that declares INT64 for a measure has mapped its columns otherwise than the view does.
 */
function checkDatatype(name: string, datatype: unknown): void {
  if (datatype === 'FP32' || datatype === 'FP64') return
  const shown = typeof datatype === 'string' ? `\`${datatype.slice(0, 32)}\`` : 'absent'
  throw new MusterError('E_TENSOR_DATATYPE', `the datatype of input \`${name}\` is ${shown}`, {
    field: name,
    hint: 'send FP32; whole numbers are written as they are, e.g. 3',
  })
}

/** The rows that `shape` states, once the data is seen to have as many values. */
function rowsOf(
  name: string,
  input: Record<string, unknown>,
  tensors: TensorBytes | readonly RowValue[] | undefined,
  limits: ServeLimits,
): number {
  const { shape, data } = input
  const rows = Array.isArray(shape) ? shape[0] : undefined
  const formed =
    Array.isArray(shape) &&
    (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) &&
    Number.isSafeInteger(rows) &&
    rows > 0
  if (!formed) {
    throw new MusterError(
      'E_TENSOR_SHAPE',
      `the shape of input \`${name}\` is ${shownShape(shape)}; it is [n, 1] or [n], n at least 1`,
      { field: name },
    )
  }
  if (isBinary(input)) {
    const values = isRead(tensors) ? tensors.length : countValues(name, input, tensors)
    if (values !== rows) {
      throw wrongSize(name, `has ${values} binary values, its shape says ${rows}`)
    }
  } else checkLength(name, data, rows, limits)
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

function checkLength(name: string, data: unknown, rows: number, limits: ServeLimits): void {
  if (!Array.isArray(data)) {
    throw new MusterError('E_TENSOR_DATA', `input \`${name}\` has no \`data\` list`, {
      field: name,
      hint: 'send the values in `data`',
    })
  }
  if (data.length === rows) return
  throw new MusterError(
    rows > limits.rowsPerRequestMax ? 'E_TENSOR_SHAPE' : 'E_TENSOR_DATA',
    `input \`${name}\` has ${data.length} values, its shape says ${rows}`,
    { field: name },
  )
}

/** Gives whether a value lies outside of what training saw. NaN, which is imputed, does not. */
function readColumn(
  data: readonly unknown[],
  reader: InputReader,
  column: number,
  x: Float32Array,
): boolean {
  const { name, mayBeMissing } = reader.signature.inputs[column]!
  const { count } = reader
  const low = reader.lows[column]!
  const high = reader.highs[column]!
  let outside = false
  for (let i = 0, at = column; i < data.length; i++, at += count) {
    let value = data[i]
    // The protocol lets data stand nested as the shape says or flat; for [n, 1] that is [[1], [2]].
    if (Array.isArray(value) && value.length === 1) value = value[0]
    if (typeof value === 'number') {
      // Not finite, or not in float32: `1e999` is JSON, and JSON.parse makes it Infinity. NaN fails
      // both too.
      if (!(value < float32Limit && value > -float32Limit)) throw unusableValue(name, i, value)
      x[at] = value
      if (x[at]! < low || x[at]! > high) outside = true
    } else if (value === null) {
      if (!mayBeMissing) throw unusableValue(name, i, value)
      x[at] = Number.NaN
    } else {
      throw new MusterError(
        'E_TENSOR_DATA',
        `value ${i} of input \`${name}\` is a ${Array.isArray(value) ? 'list' : typeof value}, not a number`,
        { field: name },
      )
    }
  }
  return outside
}

function readId(id: unknown, limits: ServeLimits): void {
  if (id === undefined || (typeof id === 'string' && id.length <= limits.idLengthMax)) return
  throw new MusterError(
    'E_USAGE',
    `\`id\` is not a text of at most ${limits.idLengthMax} characters`,
    { field: 'id' },
  )
}

/**
 * Whether the answer is wanted in binary: for all outputs by `binary_data_output` of the request,
 * for one by its own `binary_data`.
 */
function readOutputs(body: Record<string, unknown>, known: string): boolean {
  const { parameters, outputs } = body
  if (parameters != null && !isObject(parameters)) {
    throw new MusterError('E_USAGE', '`parameters` is not an object', { field: 'parameters' })
  }
  let binary = readFlag(parameters, 'binary_data_output') ?? false
  if (outputs == null) return binary
  if (!Array.isArray(outputs)) {
    throw new MusterError('E_USAGE', '`outputs` is not a list', { field: 'outputs' })
  }
  for (const output of outputs) {
    const name: unknown = isObject(output) ? output.name : undefined
    if (name !== known) {
      const shown = typeof name === 'string' ? `\`${name.slice(0, 128)}\`` : 'without a name'
      throw new MusterError('E_TENSOR_UNKNOWN', `the output asked for is ${shown}`, {
        field: 'outputs',
        hint: `the model has one output, \`${known}\``,
      })
    }
    binary = readFlag(output.parameters, 'binary_data') ?? binary
  }
  return binary
}

function readFlag(parameters: unknown, name: string): boolean | undefined {
  const flag = isObject(parameters) ? parameters[name] : undefined
  if (flag === undefined || typeof flag === 'boolean') return flag
  throw new MusterError('E_TENSOR_BINARY', `\`${name}\` is neither true nor false`, {
    field: name,
  })
}

function listInputs(reader: InputReader): string {
  return `the inputs are ${reader.signature.inputs.map(input => input.name).join(', ')}`
}

function shownShape(shape: unknown): string {
  if (!Array.isArray(shape)) return 'absent'
  const shown = JSON.stringify(shape.slice(0, 4)).slice(0, 64)
  return shape.length > 4 ? `${shown.slice(0, -1)},...]` : shown
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
