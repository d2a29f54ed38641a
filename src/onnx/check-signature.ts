import { MusterError } from '../base/errors.ts'
import type { Datatype, TensorShape, TensorSignature } from '../fleet/index.ts'
import { type Field, type Span, type Wire, wireType } from './wire.ts'

/*
 * What a model takes and gives, out of its ValueInfoProtos. Only tensors of the datatypes that the
 * Open Inference Protocol v2 names are served.
 */

/** An input or output as the file declares it. */
export interface DeclaredValue {
  readonly name: string
  /** What it is when it is no tensor. */
  readonly other: string | undefined
  /** Of TensorProto.DataType; 0 when it is not said. */
  readonly elementType: number
  /** Undefined: not even the number of dimensions is known. */
  readonly shape: readonly number[] | undefined
}

export interface LeftOut {
  readonly name: string
  /** `a sequence`, `a map`, ... */
  readonly is: string
}

/** By TensorProto.DataType. */
const datatypes: Readonly<Record<number, Datatype>> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
}
const otherTypes: Readonly<Record<number, string>> = {
  4: 'a sequence',
  5: 'a map',
  7: 'an opaque value',
  8: 'a sparse tensor',
  9: 'an optional value',
}
/** Characters of the name of an input or output, and dimensions of one. */
const nameMax = 256
const rankMax = 8

/** A ValueInfoProto. Of its TypeProto only a tensor is looked into, and no sequence or map. */
export function readValue(wire: Wire, { from, to }: Field): DeclaredValue {
  const span: Span = { at: from, end: to }
  let name = ''
  let other: string | undefined
  let elementType = 0
  let shape: number[] | undefined
  while (span.at < span.end) {
    const field = wire.next(span)
    if (field.number === 1) name = wire.text(field, nameMax)
    if (field.number !== 2 || field.type !== wireType.bytes) continue
    const type: Span = { at: field.from, end: field.to }
    while (type.at < type.end) {
      const of = wire.next(type)
      if (of.number !== 1) {
        other = otherTypes[of.number] ?? other
        continue
      }
      const tensor: Span = { at: of.from, end: of.to }
      while (tensor.at < tensor.end) {
        const each = wire.next(tensor)
        if (each.number === 1) elementType = each.value
        if (each.number === 2) shape = readShape(wire, each, name)
      }
    }
  }
  return { name, other, elementType, shape }
}

function readShape(wire: Wire, { from, to }: Field, name: string): number[] {
  const span: Span = { at: from, end: to }
  const shape: number[] = []
  while (span.at < span.end) {
    const dimension = wire.next(span)
    if (dimension.number !== 1) continue
    if (shape.length >= rankMax) throw unusable(name, `has more than ${rankMax} dimensions`)
    const inside: Span = { at: dimension.from, end: dimension.to }
    let size = -1
    while (inside.at < inside.end) {
      const field = wire.next(inside)
      // Some exporters write 0 or a negative number for a dimension that varies.
      if (field.number === 1 && field.value > 0) size = field.value
    }
    if (!Number.isSafeInteger(size)) throw unusable(name, `has a dimension of ${size}`)
    shape.push(size)
  }
  return shape
}

/**
 * The signature: inputs without those that the model gives itself a value for, and of the outputs
 * those that are tensors. Throws E_MODEL_SIGNATURE.
 */
export function signatureOf(found: {
  readonly inputs: readonly DeclaredValue[]
  readonly outputs: readonly DeclaredValue[]
  readonly initialized: ReadonlySet<string>
}): { readonly signature: TensorSignature; readonly leftOut: readonly LeftOut[] } {
  const inputs = found.inputs.filter(({ name }) => !found.initialized.has(name))
  const leftOut = found.outputs.flatMap(({ name, other }) =>
    other === undefined ? [] : [{ name, is: other }],
  )
  const outputs = found.outputs.filter(({ other }) => other === undefined)
  for (const values of [inputs, found.outputs]) checkNames(values)
  for (const { name, other } of inputs) {
    if (other !== undefined) throw unusable(name, `is ${other}; inputs are tensors`)
  }
  if (outputs.length === 0) {
    const what = leftOut.map(({ name, is }) => `\`${name}\` is ${is}`).join(', ')
    throw new MusterError(
      'E_MODEL_SIGNATURE',
      `no output is a tensor: ${what || 'there is none'}`,
      {
        hint: "of scikit-learn, export with options={'zipmap': False}",
      },
    )
  }
  return {
    signature: { inputs: inputs.map(declared), outputs: outputs.map(declared) },
    leftOut,
  }
}

function checkNames(values: readonly DeclaredValue[]): void {
  const seen = new Set<string>()
  for (const { name } of values) {
    if (name === '') throw unusable(name, 'has no name')
    if (/[\x00-\x1f\x7f]/.test(name)) throw unusable('?', 'has a control character in its name')
    if (seen.has(name)) throw unusable(name, 'is there twice')
    seen.add(name)
  }
}

function declared({ name, elementType, shape }: DeclaredValue): TensorShape {
  const datatype = datatypes[elementType]
  if (datatype === undefined) {
    throw unusable(
      name,
      `is of the element type ${elementType}, which the protocol has no name for`,
    )
  }
  return { name, datatype, shape: shape ?? null }
}

function unusable(name: string, what: string): MusterError {
  return new MusterError('E_MODEL_SIGNATURE', `\`${name}\` ${what}`, {
    field: name,
    hint: 'export it with tensors of the common datatypes as inputs and outputs',
  })
}
