import { MusterError } from '../base/errors.ts'
import type { InferRequest } from './answer.ts'
import {
  checkAllRead,
  isBinary,
  readBinaryColumn,
  type TensorBytes,
  tensorBytes,
} from './binary-tensors.ts'
import type { RowValue } from './feature-source.ts'
import { bodyMembers } from './infer-members.ts'
import { type InputReader, matrixName } from './input-reader.ts'
import { type InputValues, namesOutside, ofColumn, placeNumber, placeText } from './input-values.ts'
import type { ServeLimits } from './limits.ts'
import { readMatrix } from './matrix-input.ts'
import { readPicked } from './picked-rows.ts'
import { checkRowDatatype, readBinaryRowColumn, readRowColumn, readShared } from './row-columns.ts'
import { checkDatatype, checkText, rowsOf } from './tensor-rows.ts'

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

/** Reads the rows of a request, whichever way they came. Throws as `readInferBody`. */
export function readRequest(
  { picked, body, tensors }: Pick<InferRequest, 'picked' | 'body' | 'tensors'>,
  reader: InputReader,
  limits: ServeLimits,
): ReadRequest {
  if (picked !== undefined) return readPicked(picked, reader)
  return readInferBody(body, reader, limits, tensors)
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
  const { rows, x, outOfRange, gaps } = isMatrix(inputs, reader)
    ? readAll(inputs[0]!, binary, reader, limits)
    : readInputs(inputs, binary, reader, limits)
  if (binary !== undefined) checkAllRead(binary)
  return { id: id as string | undefined, rows, x, outOfRange, binaryOutput, gaps }
}

type Read = Pick<ReadRequest, 'rows' | 'x' | 'outOfRange' | 'gaps'>

function isMatrix(
  inputs: readonly unknown[],
  { takesMatrix }: InputReader,
): inputs is readonly [Record<string, unknown>] {
  if (!takesMatrix || inputs.length !== 1) return false
  const [input] = inputs
  return isObject(input) && input.name === matrixName
}

function readAll(
  input: Record<string, unknown>,
  tensors: TensorBytes | undefined,
  reader: InputReader,
  limits: ServeLimits,
): Read {
  const read = readMatrix(input, tensors, reader, limits)
  return { rows: read.rows, x: read.x, outOfRange: namesOutside(read), gaps: undefined }
}

function readInputs(
  inputs: readonly unknown[],
  tensors: TensorBytes | undefined,
  reader: InputReader,
  limits: ServeLimits,
): Read {
  const { count, seen } = reader
  reader.stamp = reader.stamp === 0xffff_ffff ? 1 : reader.stamp + 1
  const stamp = reader.stamp
  let rows = -1
  let into: InputValues | undefined
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
    into ??= { reader, x: new Float32Array(rows * count), outside: undefined }
    if (isBinary(input) && !isText) {
      readBinaryColumn(tensors!, input.datatype === 'FP64', rows, column, into)
    } else readColumn(texts ?? (input.data as readonly unknown[]), column, into)
  }
  const outOfRange = into && namesOutside(into)
  if (inputs.length - (columns?.size ?? 0) === count)
    return { rows, x: into!.x, outOfRange, gaps: undefined }
  const gaps = gapsOf(reader, stamp)
  // With nothing sent, everything follows from the name: one row.
  if (rows < 0) rows = 1
  columns ??= new Map()
  readShared(inputs, tensors, reader.sharedColumns, columns)
  const x = into?.x ?? new Float32Array(rows * count)
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
  if (name === matrixName && reader.takesMatrix && inputs.length > 1) throw besides(inputs)
  const matrix = inputs.length === 1 && Array.isArray(shape) && shape[1] === reader.count
  const shown = name.slice(0, 128)
  throw new MusterError('E_TENSOR_UNKNOWN', `\`${shown}\` is not an input of this model`, {
    field: shown,
    hint: matrix ? `${formOfAll(reader)}; ${listInputs(reader)}` : listInputs(reader),
  })
}

function besides(inputs: readonly unknown[]): MusterError {
  const times = inputs.filter(input => isObject(input) && input.name === matrixName).length
  if (times > 1) return twice(matrixName)
  return new MusterError('E_TENSOR_UNKNOWN', `\`${matrixName}\` holds all inputs: send it alone`, {
    field: matrixName,
    hint: 'or leave it out, and send each input by its name',
  })
}

function formOfAll(reader: InputReader): string {
  if (!reader.takesMatrix) return 'send one input of shape [n, 1] for each column'
  return `name it \`${matrixName}\` if its columns are in the order of the inputs`
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

function readColumn(data: readonly unknown[], input: number, into: InputValues): void {
  const place = into.reader.signature.inputs[input]!.datatype === 'BYTES' ? placeText : placeNumber
  for (let row = 0; row < data.length; row++) place(into, row, input, ofColumn(data[row]))
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
