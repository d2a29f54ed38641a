import { MusterError } from '../base/errors.ts'
import {
  readBinaryValues,
  type Tensor,
  type TensorShape,
  type TensorSignature,
} from '../fleet/index.ts'
import { checkAllRead, isBinary, type TensorBytes, tensorBytes } from './binary-tensors.ts'
import { bodyMembers } from './infer-members.ts'
import type { ServeLimits } from './limits.ts'
import { readJsonValues } from './tensor-values.ts'

/*
 * The body of an Open Inference Protocol v2 `infer` call to an imported model: any tensors, held
 * against what the model declares. ONNX Runtime ignores extra inputs and reports shapes in its own
 * words, so everything is refused here, by name; and nothing is allocated by a shape alone.
 */

export interface TensorRequest {
  readonly id: string | undefined
  /** In the order of the signature. */
  readonly inputs: readonly Tensor[]
  /** Names of the outputs that are wanted, in the order asked for; undefined: all. */
  readonly outputs: readonly string[] | undefined
  readonly binaryOutputs: ReadonlySet<string>
}

/** Lists in lists of `data`: no tensor has more dimensions. */
const nestingMax = 8

/** Throws E_USAGE, E_TENSOR_* (naming the input), E_TOO_LARGE for an id. */
export function readTensorBody(
  body: unknown,
  signature: TensorSignature,
  limits: Pick<ServeLimits, 'idLengthMax'>,
  binary?: Uint8Array,
): TensorRequest {
  if (!isObject(body)) throw new MusterError('E_USAGE', 'the body is not a JSON object')
  for (const member in body) {
    if (bodyMembers.has(member)) continue
    const shown = member.slice(0, 128)
    throw new MusterError('E_USAGE', `the body has a member \`${shown}\` that is not read`, {
      field: shown,
      hint: `use ${[...bodyMembers].join(', ')}`,
    })
  }
  const { id, inputs } = body
  if (id != null && (typeof id !== 'string' || id.length > limits.idLengthMax)) {
    throw new MusterError(
      'E_USAGE',
      `\`id\` is no text of up to ${limits.idLengthMax} characters`,
      {
        field: 'id',
      },
    )
  }
  if (!Array.isArray(inputs)) {
    throw new MusterError('E_TENSOR_MISSING', '`inputs` is not a list of tensors', {
      field: 'inputs',
      hint: listed('inputs', signature.inputs),
    })
  }
  const bytes = binary === undefined ? undefined : tensorBytes(binary)
  const read = readInputs(inputs, signature, bytes)
  if (bytes !== undefined) checkAllRead(bytes)
  return { id: (id as string | null) ?? undefined, inputs: read, ...readOutputs(body, signature) }
}

function readInputs(
  inputs: readonly unknown[],
  { inputs: declared }: TensorSignature,
  bytes: TensorBytes | undefined,
): readonly Tensor[] {
  const found = new Map<string, Tensor>()
  for (const input of inputs) {
    const name: unknown = isObject(input) ? input.name : undefined
    const as = declared.find(each => each.name === name)
    if (!isObject(input) || as === undefined) {
      const shown = typeof name === 'string' ? `\`${name.slice(0, 128)}\`` : 'one without a name'
      throw new MusterError('E_TENSOR_UNKNOWN', `the model has no input ${shown}`, {
        field: 'inputs',
        hint: listed('inputs', declared),
      })
    }
    if (found.has(as.name)) {
      throw new MusterError('E_TENSOR_DUPLICATE', `input \`${as.name}\` is given twice`, {
        field: as.name,
      })
    }
    found.set(as.name, readInput(input, as, bytes))
  }
  return declared.map(({ name }) => {
    const tensor = found.get(name)
    if (tensor) return tensor
    throw new MusterError('E_TENSOR_MISSING', `input \`${name}\` is missing`, {
      field: name,
      hint: listed('inputs', declared),
    })
  })
}

function readInput(
  input: Record<string, unknown>,
  declared: TensorShape,
  bytes: TensorBytes | undefined,
): Tensor {
  const { name, datatype } = declared
  if (input.datatype !== datatype) {
    const shown = typeof input.datatype === 'string' ? input.datatype.slice(0, 16) : 'none'
    throw new MusterError('E_TENSOR_DATATYPE', `input \`${name}\` is ${shown}, not ${datatype}`, {
      field: name,
      hint: `send ${datatype}`,
    })
  }
  const shape = checkShape(input.shape, declared)
  const count = shape.reduce((product, each) => product * each, 1)
  if (isBinary(input)) {
    const size = (input.parameters as { binary_data_size: unknown }).binary_data_size
    const left = bytes === undefined ? 0 : bytes.view.byteLength - bytes.at
    const fits = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 && size <= left
    const values =
      fits && input.data === undefined
        ? readBinaryValues(datatype, rawOf(bytes!, size), count)
        : undefined
    if (values !== undefined) return { name, datatype, shape, data: values }
    throw new MusterError(
      'E_TENSOR_BINARY',
      `input \`${name}\` has not the bytes of ${count} values of ${datatype} behind the JSON`,
      {
        field: name,
        hint: 'see `binary_data_size`, the shape, and Inference-Header-Content-Length',
      },
    )
  }
  const flat = flatten(input.data, count)
  if (flat === undefined) {
    throw new MusterError(
      'E_TENSOR_DATA',
      `input \`${name}\` has not the ${count} values that its shape says`,
      { field: name, hint: 'give `data` as a flat list, row by row, or nested like the shape' },
    )
  }
  const refuse = (index: number, what: string, hint?: string) =>
    new MusterError('E_TENSOR_DATA', `value ${index} of input \`${name}\` ${what}`, {
      field: name,
      ...(hint === undefined ? {} : { hint }),
    })
  return { name, datatype, shape, data: readJsonValues(datatype, flat, refuse) }
}

function rawOf(bytes: TensorBytes, size: number): Uint8Array {
  const { view, at } = bytes
  bytes.at += size
  return new Uint8Array(view.buffer, view.byteOffset + at, size)
}

/** Throws E_TENSOR_SHAPE. */
function checkShape(shape: unknown, { name, shape: declared }: TensorShape): readonly number[] {
  const isShape =
    Array.isArray(shape) &&
    shape.length <= nestingMax &&
    shape.every(each => Number.isSafeInteger(each) && each > 0) &&
    Number.isSafeInteger(shape.reduce((product, each) => product * each, 1))
  const fits =
    isShape &&
    (declared === null ||
      (shape.length === declared.length &&
        declared.every((each, i) => each === -1 || each === shape[i])))
  if (fits) return shape as readonly number[]
  const shown = Array.isArray(shape) ? JSON.stringify(shape.slice(0, 9)).slice(0, 64) : 'absent'
  throw new MusterError('E_TENSOR_SHAPE', `the shape of input \`${name}\` is ${shown}`, {
    field: name,
    hint: `the model takes ${declared === null ? 'any' : JSON.stringify(declared)}; -1 varies`,
  })
}

/** The values, row-major, when they are `count`. */
function flatten(data: unknown, count: number): readonly unknown[] | undefined {
  if (!Array.isArray(data)) return undefined
  let level: readonly unknown[] = data
  for (let depth = 0; depth < nestingMax && Array.isArray(level[0]); depth++) {
    if (level.length > count || !level.every(Array.isArray)) return undefined
    level = level.flat()
  }
  return level.length === count ? level : undefined
}

function readOutputs(
  { parameters, outputs }: Record<string, unknown>,
  signature: TensorSignature,
): Pick<TensorRequest, 'outputs' | 'binaryOutputs'> {
  const all = signature.outputs.map(({ name }) => name)
  const binary = readFlag(parameters, 'binary_data_output') ?? false
  if (outputs == null) return { outputs: undefined, binaryOutputs: new Set(binary ? all : []) }
  if (!Array.isArray(outputs) || outputs.length > all.length) {
    throw new MusterError('E_USAGE', '`outputs` is no list of outputs of the model', {
      field: 'outputs',
      hint: listed('outputs', signature.outputs),
    })
  }
  const binaryOutputs = new Set<string>()
  const wanted = outputs.map(output => {
    const name = isObject(output) ? output.name : undefined
    if (!all.includes(name as string)) {
      throw new MusterError('E_TENSOR_UNKNOWN', 'an output is asked for that the model has not', {
        field: 'outputs',
        hint: listed('outputs', signature.outputs),
      })
    }
    if (readFlag(output.parameters, 'binary_data') ?? binary) binaryOutputs.add(name as string)
    return name as string
  })
  return { outputs: wanted.length === 0 ? undefined : wanted, binaryOutputs }
}

function readFlag(parameters: unknown, name: string): boolean | undefined {
  if (parameters == null) return undefined
  if (!isObject(parameters)) {
    throw new MusterError('E_USAGE', '`parameters` is not an object', { field: 'parameters' })
  }
  const flag = parameters[name]
  if (flag === undefined || typeof flag === 'boolean') return flag
  throw new MusterError('E_TENSOR_BINARY', `\`${name}\` is neither true nor false`, { field: name })
}

function listed(what: string, declared: readonly TensorShape[]): string {
  const shown = declared.slice(0, 8).map(({ name, datatype, shape }) => {
    return `${name} (${datatype} ${shape === null ? 'of any shape' : JSON.stringify(shape)})`
  })
  return `its ${what}: ${shown.join(', ')}${declared.length > 8 ? ', ...' : ''}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
