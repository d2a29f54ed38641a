import { MusterError } from '../../base/errors.ts'
import { WireReader } from './wire.ts'

/*
 * ModelInferRequest to what the data plane reads, which is the protocol's JSON and the bytes behind
 * it: raw_input_contents are those bytes under another name, so every check and every word of a
 * refusal is that of HTTP.
 */

export interface InferMessage {
  readonly model: string
  readonly version: string | undefined
  readonly body: Record<string, unknown>
  readonly tensors: Uint8Array | undefined
}

/**
 * Inputs, outputs and raw contents of one request: a message of nothing but empty ones would else
 * be two million objects.
 */
const tensorsMax = 16_384

interface Input {
  name: string
  datatype: string
  shape: number[]
  data?: unknown[]
  parameters?: { binary_data_size: number }
}

/** Throws E_USAGE for bytes that are no such message, E_TENSOR_* naming the input. */
export function readInferMessage(message: Buffer): InferMessage {
  let [model, version, id] = ['', '', '']
  let binaryOutput: boolean | undefined
  const inputs: Input[] = []
  const contents: (WireReader | undefined)[] = []
  const raw: Buffer[] = []
  let outputs: object[] | undefined
  const reader = new WireReader(message)
  while (!reader.isAtEnd) {
    switch (reader.field()) {
      case 1:
        model = reader.text()
        break
      case 2:
        version = reader.text()
        break
      case 3:
        id = reader.text()
        break
      case 4:
        binaryOutput = readFlag(reader.message(), 'binary_data_output') ?? binaryOutput
        break
      case 5:
        bounded(inputs)
        contents.push(readInput(reader.message(), inputs))
        break
      case 6:
        outputs ??= []
        bounded(outputs)
        outputs.push(readOutput(reader.message()))
        break
      case 7:
        bounded(raw)
        raw.push(reader.bytes())
        break
      default:
        reader.skip()
    }
  }
  const isRaw = raw.length > 0
  const tensors = isRaw ? takeRaw(inputs, contents, raw) : takeContents(inputs, contents)
  const body: Record<string, unknown> = { inputs }
  if (id !== '') body.id = id
  if (outputs !== undefined) body.outputs = outputs
  // Who sends raw reads raw: Triton's clients read nothing else.
  if (binaryOutput ?? isRaw) body.parameters = { binary_data_output: true }
  return { model, version: version === '' ? undefined : version, body, tensors }
}

function bounded(list: readonly unknown[]): void {
  if (list.length < tensorsMax) return
  throw new MusterError('E_TOO_LARGE', `the request has more than ${tensorsMax} tensors`)
}

/** Adds an input; gives its contents, to be read once its datatype is known. */
function readInput(reader: WireReader, into: Input[]): WireReader | undefined {
  const input: Input = { name: '', datatype: '', shape: [] }
  let contents: WireReader | undefined
  while (!reader.isAtEnd) {
    switch (reader.field()) {
      case 1:
        input.name = reader.text()
        break
      case 2:
        input.datatype = reader.text()
        break
      case 3:
        reader.repeated(input.shape, nextInt64)
        break
      case 5:
        if (contents !== undefined) throw given(input.name, 'has its contents twice')
        contents = reader.message()
        break
      default:
        reader.skip()
    }
  }
  into.push(input)
  return contents
}

/** Each input says how many of the bytes are its own, as in the binary tensor extension. */
function takeRaw(
  inputs: readonly Input[],
  contents: readonly unknown[],
  raw: readonly Buffer[],
): Uint8Array {
  if (raw.length !== inputs.length) {
    throw new MusterError(
      'E_TENSOR_BINARY',
      `there are ${raw.length} raw_input_contents for ${inputs.length} inputs`,
      { field: 'raw_input_contents', hint: 'give each input its own, in their order' },
    )
  }
  for (const [i, input] of inputs.entries()) {
    if (contents[i] !== undefined) throw given(input.name, 'has contents and raw contents')
    input.parameters = { binary_data_size: raw[i]!.length }
  }
  return raw.length === 1 ? raw[0]! : Buffer.concat(raw)
}

const nextInt64 = (reader: WireReader) => reader.nextInt64()
/** There is no null in contents; NaN is a missing value, as in raw ones. */
const nextFloat = (reader: WireReader) => missingIfNaN(reader.nextFloat())
const nextDouble = (reader: WireReader) => missingIfNaN(reader.nextDouble())
const nextBool = (reader: WireReader) => reader.nextBool()
const nextInt32 = (reader: WireReader) => reader.nextInt32()
const nextUint32 = (reader: WireReader) => reader.nextUint32()
const nextBits64 = (reader: WireReader) => reader.nextBits64()

const fields: Readonly<
  Record<string, readonly [field: number, name: string, next?: (reader: WireReader) => unknown]>
> = {
  BOOL: [1, 'bool_contents', nextBool],
  INT8: [2, 'int_contents', nextInt32],
  INT16: [2, 'int_contents', nextInt32],
  INT32: [2, 'int_contents', nextInt32],
  INT64: [3, 'int64_contents', nextBits64],
  UINT8: [4, 'uint_contents', nextUint32],
  UINT16: [4, 'uint_contents', nextUint32],
  UINT32: [4, 'uint_contents', nextUint32],
  UINT64: [5, 'uint64_contents', nextBits64],
  FP32: [6, 'fp32_contents', nextFloat],
  FP64: [7, 'fp64_contents', nextDouble],
  BYTES: [8, 'bytes_contents'],
}

/**
 * Values as `data`, but 64-bit integers as bytes: JSON numbers hold 53 bits of them. Gives those
 * bytes.
 */
function takeContents(
  inputs: readonly Input[],
  contents: readonly (WireReader | undefined)[],
): Uint8Array | undefined {
  let behind: Uint8Array[] | undefined
  for (const [i, input] of inputs.entries()) {
    const reader = contents[i]
    const known = fields[input.datatype]
    // What has no values, or a datatype that is none, the data plane refuses by name.
    if (reader === undefined || known === undefined) continue
    const values = readContents(input, reader, known)
    if (input.datatype === 'INT64' || input.datatype === 'UINT64') {
      const bytes = new Uint8Array(BigUint64Array.from(values as bigint[]).buffer)
      input.parameters = { binary_data_size: bytes.length }
      behind ??= []
      behind.push(bytes)
    } else input.data = values
  }
  return behind && Buffer.concat(behind)
}

function readContents(
  { name, datatype }: Input,
  reader: WireReader,
  [field, fieldName, next]: (typeof fields)[string],
): unknown[] {
  const values: unknown[] = []
  while (!reader.isAtEnd) {
    if (reader.field() !== field) {
      throw given(name, `is ${datatype}, and has other contents than ${fieldName}`)
    }
    if (next === undefined) values.push(reader.text())
    else reader.repeated(values, next)
  }
  return values
}

function missingIfNaN(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

function given(name: string, what: string): MusterError {
  return new MusterError('E_TENSOR_DATA', `input \`${name.slice(0, 128)}\` ${what}`, {
    field: name.slice(0, 128),
    hint: 'give the values in the contents of the datatype, or all in raw_input_contents',
  })
}

function readOutput(reader: WireReader): object {
  let name = ''
  let binary: boolean | undefined
  while (!reader.isAtEnd) {
    switch (reader.field()) {
      case 1:
        name = reader.text()
        break
      case 2:
        binary = readFlag(reader.message(), 'binary_data') ?? binary
        break
      default:
        reader.skip()
    }
  }
  return binary === undefined ? { name } : { name, parameters: { binary_data: binary } }
}

/** Of an entry of `parameters`; undefined when it is another one. Others mean nothing here. */
function readFlag(entry: WireReader, wanted: string): boolean | undefined {
  let key = ''
  let flag: boolean | undefined
  while (!entry.isAtEnd) {
    switch (entry.field()) {
      case 1:
        key = entry.text()
        break
      case 2: {
        const value = entry.message()
        while (!value.isAtEnd) {
          if (value.field() === 1) flag = value.bool()
          else value.skip()
        }
        break
      }
      default:
        entry.skip()
    }
  }
  return key === wanted ? flag : undefined
}
