import { MusterError } from '../base/errors.ts'
import type { Signature } from '../fleet/index.ts'
import type { ServeLimits } from './limits.ts'

/*
 * The body of an Open Inference Protocol v2 `infer` call, to the columns that a graph reads. By
 * hand and not by a schema: ONNX Runtime takes NaN and ignores extra inputs silently (so everything
 * must be refused here), every refusal must name the input, and nothing may be allocated by a shape
 * that the data does not back.
 */

/** A signature made ready for look-ups, once per generation of a family. */
export interface InputReader {
  readonly signature: Signature
  readonly count: number
  readonly columns: ReadonlyMap<string, number>
  /**
   * For each column, the request it was last seen in: finds doubles without an allocation per
   * request.
   */
  readonly seen: Uint32Array
  stamp: number
}

export interface ReadRequest {
  readonly id: string | undefined
  readonly rows: number
  /** [rows, inputs], row-major, in the order of the signature. */
  readonly x: Float32Array
}

export function inputReader(signature: Signature): InputReader {
  const count = signature.inputs.length
  const columns = new Map(signature.inputs.map((input, column) => [input.name, column]))
  return { signature, count, columns, seen: new Uint32Array(count), stamp: 0 }
}

const members: ReadonlySet<string> = new Set(['id', 'parameters', 'inputs', 'outputs'])
/**
 * The largest number that rounds to a finite float32: half a step above 3.4028234663852886e38,
 * exclusive.
 */
const float32Limit = 3.4028235677973366e38

/**
 * Reads `body`. Throws E_USAGE, E_TENSOR_* (naming the input), E_FEATURE_VALUE for a value that is
 * not finite, too large for float32, or null where the view does not impute; E_TOO_LARGE above the
 * row limit.
 */
export function readInferBody(
  body: unknown,
  reader: InputReader,
  limits: ServeLimits,
): ReadRequest {
  if (!isObject(body)) throw new MusterError('E_USAGE', 'the body is not a JSON object')
  for (const member in body) {
    if (members.has(member)) continue
    throw new MusterError('E_USAGE', `the body has a member \`${member}\` that is not read`, {
      field: member,
      hint: `use ${[...members].join(', ')}`,
    })
  }
  const { id, inputs } = body
  readId(id, limits)
  if (body.parameters != null && !isObject(body.parameters)) {
    throw new MusterError('E_USAGE', '`parameters` is not an object', { field: 'parameters' })
  }
  if (body.outputs != null) checkOutputs(body.outputs, reader.signature.output.name)
  if (!Array.isArray(inputs)) {
    throw new MusterError('E_TENSOR_MISSING', '`inputs` is not a list of tensors', {
      field: 'inputs',
      hint: listInputs(reader),
    })
  }
  return { id: id as string | undefined, ...readInputs(inputs, reader, limits) }
}

function readInputs(
  inputs: readonly unknown[],
  reader: InputReader,
  limits: ServeLimits,
): { rows: number; x: Float32Array } {
  const { count, seen } = reader
  reader.stamp = reader.stamp === 0xffff_ffff ? 1 : reader.stamp + 1
  const stamp = reader.stamp
  let rows = -1
  let x: Float32Array | undefined
  for (const input of inputs) {
    if (!isObject(input)) {
      throw new MusterError('E_TENSOR_DATA', 'an input is not an object', { field: 'inputs' })
    }
    const column = columnOf(input, inputs, reader)
    const name = input.name as string
    if (seen[column] === stamp) {
      throw new MusterError('E_TENSOR_DUPLICATE', `input \`${name}\` is given twice`, {
        field: name,
      })
    }
    seen[column] = stamp
    checkDatatype(name, input.datatype)
    const length = rowsOf(name, input, limits)
    if (rows >= 0 && length !== rows) {
      throw new MusterError(
        'E_TENSOR_SHAPE',
        `input \`${name}\` has ${length} rows, those before it have ${rows}`,
        { field: name, hint: 'give every input the same number of rows' },
      )
    }
    rows = length
    // After the length of the data was seen to be what the shape says, so that no shape alone can
    // ask for memory.
    x ??= new Float32Array(rows * count)
    const mayBeMissing = reader.signature.inputs[column]!.mayBeMissing
    fillColumn(name, input.data as readonly unknown[], mayBeMissing, x, column, count)
  }
  if (inputs.length < count) throw missing(reader, stamp)
  return { rows, x: x! }
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
    .filter((_, column) => reader.seen[column] !== stamp)
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

/** The rows that `shape` states, once `data` is seen to have as many values. */
function rowsOf(name: string, input: Record<string, unknown>, limits: ServeLimits): number {
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
  if (!Array.isArray(data)) {
    throw new MusterError('E_TENSOR_DATA', `input \`${name}\` has no \`data\` list`, {
      field: name,
      hint: 'send the values as JSON numbers in `data`',
    })
  }
  if (data.length !== rows) {
    const code = rows > limits.rowsPerRequestMax ? 'E_TENSOR_SHAPE' : 'E_TENSOR_DATA'
    throw new MusterError(
      code,
      `input \`${name}\` has ${data.length} values, its shape says ${rows}`,
      { field: name },
    )
  }
  if (rows > limits.rowsPerRequestMax) {
    throw new MusterError(
      'E_TOO_LARGE',
      `the request has ${rows} rows; a request may have ${limits.rowsPerRequestMax}`,
      { field: name, hint: `send ${limits.rowsPerRequestMax} rows at a time` },
    )
  }
  return rows
}

function fillColumn(
  name: string,
  data: readonly unknown[],
  mayBeMissing: boolean,
  x: Float32Array,
  column: number,
  count: number,
): void {
  for (let i = 0, at = column; i < data.length; i++, at += count) {
    let value = data[i]
    // The protocol lets data stand nested as the shape says or flat; for [n, 1] that is [[1], [2]].
    if (Array.isArray(value) && value.length === 1) value = value[0]
    if (typeof value === 'number') {
      // Not finite, or not in float32: `1e999` is JSON, and JSON.parse makes it Infinity. NaN fails
      // both too.
      if (!(value < float32Limit && value > -float32Limit)) throw notUsable(name, i, value)
      x[at] = value
    } else if (value === null) {
      if (!mayBeMissing) throw notUsable(name, i, value)
      x[at] = Number.NaN
    } else {
      throw new MusterError(
        'E_TENSOR_DATA',
        `value ${i} of input \`${name}\` is a ${Array.isArray(value) ? 'list' : typeof value}, not a number`,
        { field: name },
      )
    }
  }
}

function notUsable(name: string, index: number, value: number | null): MusterError {
  const [what, hint] =
    value === null
      ? ['is missing', 'give a value: the feature view declares no `impute` for it']
      : ['is not a finite float32 number', 'send a finite number below 3.4e38; null if missing']
  return new MusterError('E_FEATURE_VALUE', `value ${index} of input \`${name}\` ${what}`, {
    field: name,
    hint,
  })
}

function readId(id: unknown, limits: ServeLimits): void {
  if (id === undefined || (typeof id === 'string' && id.length <= limits.idLengthMax)) return
  throw new MusterError(
    'E_USAGE',
    `\`id\` is not a text of at most ${limits.idLengthMax} characters`,
    { field: 'id' },
  )
}

function checkOutputs(outputs: unknown, known: string): void {
  if (!Array.isArray(outputs)) {
    throw new MusterError('E_USAGE', '`outputs` is not a list', { field: 'outputs' })
  }
  for (const output of outputs) {
    const name: unknown = isObject(output) ? output.name : undefined
    if (name === known) continue
    const shown = typeof name === 'string' ? `\`${name.slice(0, 128)}\`` : 'without a name'
    throw new MusterError('E_TENSOR_UNKNOWN', `the output asked for is ${shown}`, {
      field: 'outputs',
      hint: `the model has one output, \`${known}\``,
    })
  }
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
